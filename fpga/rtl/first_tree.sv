// SPDX-License-Identifier: Apache-2.0
// One channel of a 3 x 3 first layer at one place: does the sum of nine pixels reach its limit?
//
// A weight of -1 inverts its pixel. A row's sum with all three signs turned is the complement of
// that sum (first_row.sv), so four sums a row are enough, and a sign for the whole of it.
// Law of the file: `negative` = start + sums of the three rows is below 0, two clocks later.
`default_nettype none

module first_tree #(
    parameter integer START_BITS = 13
) (
    input  wire                  clk,
    input  wire [1:0]            step,    // there is something for the first, second clock
    input  wire [39:0]           upper,   // four sums of each row
    input  wire [39:0]           middle,
    input  wire [39:0]           lower,
    // Of a row, from its lowest: its first sign, and which of the others are unlike it; for the
    // middle row the first is whether its first sign is unlike the upper row's.
    input  wire [8:0]            signs,
    input  wire [START_BITS-1:0] start,
    output reg                   negative
);
    function [9:0] one_of(input [39:0] sums, input [1:0] which);
        one_of = sums[10*which +: 10];
    endfunction
    reg [10:0] pair;
    reg turn;
    reg signed [START_BITS-1:0] rest;
    // Sums stand inside of the `if`s, so that a simulator works only while there is a place.
    always @(posedge clk)
        if (step[0]) begin : rows
            reg signed [9:0] upper_sum, middle_sum, lower_sum;
            reg [11:0] both;
            upper_sum = one_of(upper, signs[2:1]);
            middle_sum = one_of(middle, signs[5:4]) ^ {10{signs[3]}};
            lower_sum = one_of(lower, signs[8:7]) ^ {10{signs[6]}};
            // ~a + b = ~(a - b): the upper row is turned after its sum with the middle one.
            both = {upper_sum[9], upper_sum, 1'b1} + {middle_sum[9], middle_sum, signs[0]};
            pair <= both[11:1];
            turn <= signs[0];
            rest <= $signed(start) + lower_sum;
        end
    always @(posedge clk)
        if (step[1]) begin : total
            reg [START_BITS-1:0] sum;
            sum = rest + ({{START_BITS-11{pair[10]}}, pair} ^ {START_BITS{turn}});
            negative <= sum[START_BITS-1];
        end
endmodule

`default_nettype wire
