// SPDX-License-Identifier: Apache-2.0
// Rows of one parity: words in two memories, so that two neighbours are read in one clock.
`default_nettype none

module map_bank #(
    parameter integer INDEX_BITS = 10
) (
    input  wire                  clk,
    input  wire                  write,
    input  wire [INDEX_BITS-1:0] write_index,
    input  wire [63:0]           write_data,
    input  wire [INDEX_BITS-1:0] read_index,
    // Word `read_index` and the next one, a clock later.
    output reg  [63:0]           even_word,
    output reg  [63:0]           odd_word
);
    localparam integer DEPTH = 1 << (INDEX_BITS - 1);
    reg [63:0] even [0:DEPTH-1];
    reg [63:0] odd [0:DEPTH-1];

    always @(posedge clk) begin
        if (write && !write_index[0]) even[write_index[INDEX_BITS-1:1]] <= write_data;
        if (write && write_index[0]) odd[write_index[INDEX_BITS-1:1]] <= write_data;
    end

    // An odd word's neighbour is the next even one, of the same half: that of word -1 is word 0.
    wire [INDEX_BITS-3:0] next_pair =
        read_index[INDEX_BITS-2:1] + {{(INDEX_BITS-3){1'b0}}, read_index[0]};
    wire [INDEX_BITS-2:0] even_index = {read_index[INDEX_BITS-1], next_pair};
    always @(posedge clk) begin
        even_word <= even[even_index];
        odd_word <= odd[read_index[INDEX_BITS-1:1]];
    end
endmodule

`default_nettype wire
