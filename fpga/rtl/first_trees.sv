// SPDX-License-Identifier: Apache-2.0
// T trees of a first layer, in four groups that may look at four windows.
//
// With FAST_COUNT, for simulation only, what first_tree.sv does is said in loops over arrays,
// which a compiler turns into instructions for many trees at once; the bench of first_layer is run
// with it and without.
// Law of the file: `negative` is what T of first_tree.sv give.
`default_nettype none

module first_trees #(
    parameter integer T = 32,
    parameter integer START_BITS = 13
) (
    input  wire                        clk,
    input  wire [1:0]                  step,        // as first_tree.sv has it
    input  wire [767:0]                seen,        // of each group: upper, middle, lower sums
    input  wire [T*(9+START_BITS)-1:0] parameters,  // of each tree: {start, signs}
    output wire [T-1:0]                negative
);
    localparam integer EACH = 9 + START_BITS, GROUP = T / 4;
`ifdef FAST_COUNT
    reg [31:0] own [0:T-1];
    function automatic [31:0] sum_of(input [9:0] bits);
        sum_of = {{22{bits[9]}}, bits};
    endfunction
    reg [31:0] pair [0:T-1];
    reg [31:0] rest [0:T-1];
    reg [T-1:0] below_zero;
    assign negative = below_zero;
    // The second clock first: what the first leaves is of this block alone. Loops stay loops, and
    // each has a variable of its own, or nothing is gained.
    always @(posedge clk) begin : clocks
        automatic reg [31:0] a, b, sum, below, signs, one, two, three;
        automatic reg [31:0] u0, u1, u2, u3, m0, m1, m2, m3, l0, l1, l2, l3;
        if (step[1]) begin
            below = 32'd0;
            /* verilator unroll_disable */
            for (a = 0; a < T; a = a + 1) begin
                sum = rest[a] + pair[a];
                below = below | (sum[START_BITS-1] ? 32'd1 << a : 32'd0);
            end
            below_zero <= below[T-1:0];
        end
        if (step[0]) begin
            /* verilator unroll_full */
            for (int tree = 0; tree < T; tree = tree + 1)
                own[tree] = {{(32-EACH){1'b0}}, parameters[EACH*tree +: EACH]};
            /* verilator unroll_full */
            for (int group = 0; group < 4; group = group + 1) begin
                u0 = sum_of(seen[192*group +: 10]);
                u1 = sum_of(seen[192*group + 10 +: 10]);
                u2 = sum_of(seen[192*group + 20 +: 10]);
                u3 = sum_of(seen[192*group + 30 +: 10]);
                m0 = sum_of(seen[192*group + 64 +: 10]);
                m1 = sum_of(seen[192*group + 74 +: 10]);
                m2 = sum_of(seen[192*group + 84 +: 10]);
                m3 = sum_of(seen[192*group + 94 +: 10]);
                l0 = sum_of(seen[192*group + 128 +: 10]);
                l1 = sum_of(seen[192*group + 138 +: 10]);
                l2 = sum_of(seen[192*group + 148 +: 10]);
                l3 = sum_of(seen[192*group + 158 +: 10]);
                /* verilator unroll_disable */
                for (b = 0; b < GROUP; b = b + 1) begin
                    signs = own[group*GROUP + b];
                    one = signs[2] ? (signs[1] ? u3 : u2) : (signs[1] ? u1 : u0);
                    two = (signs[5] ? (signs[4] ? m3 : m2) : (signs[4] ? m1 : m0))
                          ^ {32{signs[3]}};
                    three = (signs[8] ? (signs[7] ? l3 : l2) : (signs[7] ? l1 : l0))
                            ^ {32{signs[6]}};
                    pair[group*GROUP + b] = (one + two + {31'd0, signs[0]}) ^ {32{signs[0]}};
                    rest[group*GROUP + b] = (signs >> 9) + three;
                end
            end
        end
    end
`else
    genvar t;
    generate
        for (t = 0; t < T; t = t + 1) begin : channel
            localparam integer AT = 192 * (t / GROUP);
            first_tree #(.START_BITS(START_BITS)) tree (
                .clk(clk), .step(step), .upper(seen[AT +: 40]), .middle(seen[AT + 64 +: 40]),
                .lower(seen[AT + 128 +: 40]), .signs(parameters[EACH*t +: 9]),
                .start(parameters[EACH*t + 9 +: START_BITS]), .negative(negative[t]));
        end
    endgenerate
`endif
endmodule

`default_nettype wire
