// SPDX-License-Identifier: Apache-2.0
// Mismatches of 64 lanes: popcount(data xor weights), three registers deep.
//
// Groups of three lanes become 2-bit numbers in one level of six-input tables (the XOR is in them);
// their low and high bits are counted six at a time, and what is left is added.
// Law of the file: result = $countones(data ^ weights) three clocks later, whatever comes before.
`default_nettype none

module popcount64 (
    input  wire        clk,
    input  wire [63:0] data,
    input  wire [63:0] weights,
    output reg  [6:0]  count
);
    wire [65:0] mismatch = {2'b00, data ^ weights};
    reg [21:0] low, high;  // of 22 groups of three
    integer i;
    always @(posedge clk)
        for (i = 0; i < 22; i = i + 1) begin
            low[i] <= mismatch[3*i] ^ mismatch[3*i+1] ^ mismatch[3*i+2];
            high[i] <= (mismatch[3*i] && mismatch[3*i+1]) || (mismatch[3*i+2]
                       && (mismatch[3*i] || mismatch[3*i+1]));
        end

    function [2:0] six(input [5:0] bits);
        six = {2'b00, bits[0]} + {2'b00, bits[1]} + {2'b00, bits[2]}
            + {2'b00, bits[3]} + {2'b00, bits[4]} + {2'b00, bits[5]};
    endfunction

    reg [2:0] lows [0:3];
    reg [2:0] highs [0:3];
    integer j;
    always @(posedge clk)
        for (j = 0; j < 4; j = j + 1) begin
            lows[j]  <= six(j == 3 ? {2'b00, low[21:18]} : low[6*j +: 6]);
            highs[j] <= six(j == 3 ? {2'b00, high[21:18]} : high[6*j +: 6]);
        end
    wire [4:0] low_sum  = lows[0] + lows[1] + lows[2] + lows[3];
    wire [4:0] high_sum = highs[0] + highs[1] + highs[2] + highs[3];
    always @(posedge clk) count <= {2'b00, low_sum} + {1'b0, high_sum, 1'b0};
endmodule

`default_nettype wire
