// SPDX-License-Identifier: Apache-2.0
// Joins outputs to the bit string of a map, and writes it word by word.
//
// Outputs come in the order of the string: place by place, channel by channel. A row begins with a
// word, rows take turns between the two banks.
// Law of the file: whoever ends a row leaves the next clock free; what is written is in the memory
// four clocks after the output came.
`default_nettype none

module map_writer #(
    parameter integer WIDTH = 32,       // most bits of one output
    parameter integer INDEX_BITS = 10
) (
    input  wire                  clk,
    input  wire                  start,       // of a map
    input  wire [INDEX_BITS-2:0] row_words,
    input  wire                  half,
    input  wire                  valid,
    input  wire [WIDTH-1:0]      bits,
    input  wire [6:0]            count,       // of `bits`, 1 to WIDTH
    input  wire                  row_end,
    output reg                   write,
    output reg                   parity,
    output reg  [INDEX_BITS-1:0] index,
    output reg  [63:0]           data
);
    // ---- how many bits wait for their word
    reg [5:0] fill;
    wire [6:0] total = {1'b0, fill} + count;
    reg valid_a, full_a, more_a, row_end_a;
    reg [5:0] fill_a;
    reg [WIDTH-1:0] bits_a;
    integer i;
    always @(posedge clk) begin
        valid_a <= valid && !start;
        fill_a <= fill;
        full_a <= total[6];
        more_a <= total[5:0] != 6'd0;
        row_end_a <= row_end;
        if (valid)
            for (i = 0; i < WIDTH; i = i + 1) bits_a[i] <= bits[i] && i < count;
        if (start) fill <= 6'd0;
        else if (valid) fill <= row_end ? 6'd0 : total[5:0];
    end

    // ---- at their place
    reg valid_b, full_b, more_b, row_end_b;
    reg [127:0] placed_b;
    always @(posedge clk) begin
        valid_b <= valid_a && !start;
        full_b <= full_a;
        more_b <= more_a;
        row_end_b <= row_end_a;
        if (valid_a) placed_b <= {{(128-WIDTH){1'b0}}, bits_a} << fill_a;
    end

    // ---- words
    reg [63:0] rest;
    reg flush;
    reg row_parity;
    reg [INDEX_BITS-2:0] row_index, word;
    wire [63:0] joined = rest | placed_b[63:0];
    wire ends_now = valid_b && row_end_b && !(full_b && more_b);
    always @(posedge clk) begin
        write <= 1'b0;
        parity <= row_parity;
        index <= {half, row_index + word};
        data <= flush ? rest : joined;
        flush <= 1'b0;
        if (start) begin
            rest <= 64'd0;
            row_parity <= 1'b0;
            row_index <= {(INDEX_BITS-1){1'b0}};
            word <= {(INDEX_BITS-1){1'b0}};
        end else if (flush) begin
            write <= 1'b1;
            rest <= 64'd0;
        end else if (valid_b) begin
            write <= full_b || row_end_b;
            rest <= full_b ? placed_b[127:64] : row_end_b ? 64'd0 : joined;
            flush <= row_end_b && full_b && more_b;
            if (full_b) word <= word + 1'b1;
        end
        if (!start && (ends_now || flush)) begin
            word <= {(INDEX_BITS-1){1'b0}};
            row_parity <= !row_parity;
            if (row_parity) row_index <= row_index + row_words;
        end
    end
endmodule

`default_nettype wire
