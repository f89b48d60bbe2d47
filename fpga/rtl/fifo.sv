// SPDX-License-Identifier: Apache-2.0
// A small queue; what is at its head is shown.
`default_nettype none

module fifo #(
    parameter integer WIDTH = 64,
    parameter integer DEPTH_BITS = 4
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             put,
    input  wire [WIDTH-1:0] put_data,
    output wire             full,
    input  wire             take,
    output wire [WIDTH-1:0] head,
    output wire             empty
);
    reg [WIDTH-1:0] cells [0:(1 << DEPTH_BITS)-1];
    reg [DEPTH_BITS:0] put_index, take_index;
    assign empty = put_index == take_index;
    assign full = put_index[DEPTH_BITS] != take_index[DEPTH_BITS]
                  && put_index[DEPTH_BITS-1:0] == take_index[DEPTH_BITS-1:0];
    assign head = cells[take_index[DEPTH_BITS-1:0]];
    always @(posedge clk) begin
        if (put && !full) cells[put_index[DEPTH_BITS-1:0]] <= put_data;
        if (rst) begin
            put_index <= 0;
            take_index <= 0;
        end else begin
            if (put && !full) put_index <= put_index + 1'b1;
            if (take && !empty) take_index <= take_index + 1'b1;
        end
    end
endmodule

`default_nettype wire
