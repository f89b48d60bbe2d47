// SPDX-License-Identifier: Apache-2.0
// Sums of three neighbouring pixels of a row, for all channels: with the signs they may have.
//
// A pixel v counts as v - 128, and inverted as 127 - v, which is the complement. One is added to
// the sum of three, so that the sum with all signs turned is the complement of the sum.
// Law of the file: sum i of {3, 2, 1, 0}: bit 0 of i turns the second pixel, bit 1 the third; what
// turns the first is the complement of one of these.
`default_nettype none

module first_row (
    input  wire        clk,
    input  wire        step,    // these pixels are new
    input  wire [31:0] pixels,  // four, the leftmost lowest
    output reg  [39:0] left,    // of the first three, a clock later
    output reg  [39:0] right    // of the last three
);
    // Inside of the `if`, so that a simulator works only when there are new pixels.
    always @(posedge clk)
        if (step) begin : sums
            reg signed [9:0] a, b, c, d, both, apart, neither, last;
            a = {{3{!pixels[7]}}, pixels[6:0]};
            b = {{3{!pixels[15]}}, pixels[14:8]};
            c = {{3{!pixels[23]}}, pixels[22:16]};
            d = {{3{!pixels[31]}}, pixels[30:24]};
            both = b + c;
            apart = b - c;
            neither = ~both;
            last = ~d;
            left <= {a + neither, a + apart, a - apart, a - neither};
            right <= {apart + last, both - d, apart + d, both - last};
        end
endmodule

`default_nettype wire
