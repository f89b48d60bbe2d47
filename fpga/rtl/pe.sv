// SPDX-License-Identifier: Apache-2.0
// A processing element: mismatches of 64 lanes, added to a sum that starts anew or is doubled.
//
// Law of the file: `sum` holds a word four clocks after its data; `first`, `twice` and `start` come
// three clocks after them.
`default_nettype none

module pe #(
    parameter integer SUM_BITS = 20
) (
    input  wire                clk,
    input  wire [63:0]         data,
    input  wire [63:0]         weights,
    input  wire                first,
    input  wire                twice,
    input  wire [SUM_BITS-1:0] start,
    output reg  [SUM_BITS-1:0] sum
);
    wire [6:0] count;
    popcount64 counter (.clk(clk), .data(data), .weights(weights), .count(count));
    wire [SUM_BITS-1:0] base = first ? start : twice ? {sum[SUM_BITS-2:0], 1'b0} : sum;
    always @(posedge clk) sum <= {{(SUM_BITS-7){1'b0}}, count} + base;
endmodule

`default_nettype wire
