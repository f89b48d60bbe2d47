// SPDX-License-Identifier: Apache-2.0
// Sums of three neighbouring pixels of a row, for all channels: with the signs they may have.
//
// A pixel v counts as v - 128, and inverted as 127 - v, which is the complement. One is added to the
// sum of three, so that the sum with all signs turned is the complement of the sum.
// Law of the file: sum i of {3, 2, 1, 0}: bit 0 of i turns the second pixel, bit 1 the third; what
// turns the first is the complement of one of these.
`default_nettype none

module first_row (
    input  wire [31:0] pixels,  // four, the leftmost lowest
    output wire [39:0] left,    // of the first three
    output wire [39:0] right    // of the last three
);
    wire signed [9:0] a = {{3{!pixels[7]}}, pixels[6:0]};
    wire signed [9:0] b = {{3{!pixels[15]}}, pixels[14:8]};
    wire signed [9:0] c = {{3{!pixels[23]}}, pixels[22:16]};
    wire signed [9:0] d = {{3{!pixels[31]}}, pixels[30:24]};
    wire signed [9:0] both = b + c;
    wire signed [9:0] apart = b - c;
    wire signed [9:0] neither = ~both;
    wire signed [9:0] last = ~d;
    assign left = {a + neither, a + apart, a - apart, a - neither};
    assign right = {apart + last, both - d, apart + d, both - last};
endmodule

`default_nettype wire
