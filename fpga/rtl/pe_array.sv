// SPDX-License-Identifier: Apache-2.0
// P processing elements of 64 lanes, for one image or for several side by side.
//
// With several images at once each has P / LANES elements; all share the weights' rows, which hold
// an image's weights once for each of them.
// With FAST_COUNT, for simulation only, the same is said in loops over arrays, which a compiler
// turns into instructions for many elements at once; the unit's bench is run with it and without.
// Law of the file: `sums` are those of a tile four clocks after its last word.
`default_nettype none

module pe_array #(
    parameter integer P = 32,
    parameter integer LANES = 1,
    parameter integer SUM_BITS = 20
) (
    input  wire                    clk,
    input  wire                    together, // each image has its own elements; else all see lane 0
    input  wire [64*LANES-1:0]     data,
    input  wire [64*P-1:0]         weights,
    input  wire                    first,    // with the data
    input  wire                    twice,
    input  wire [SUM_BITS*P-1:0]   starts,   // three clocks after the data
    output wire [SUM_BITS*P-1:0]   sums
);
    reg [2:0] first_d, twice_d;
    always @(posedge clk) begin
        first_d <= {first_d[1:0], first};
        twice_d <= {twice_d[1:0], twice};
    end
    genvar p;
`ifdef FAST_COUNT
    localparam integer PER_LANE = P / LANES;
    wire [63:0] row [0:P-1];
    wire [31:0] begin_at [0:P-1];
    reg [63:0] counted [0:P-1];
    reg [63:0] waiting [0:P-1];
    reg [63:0] count [0:P-1];
    reg [31:0] sum [0:P-1];
    reg [31:0] shown [0:P-1];
    generate
        for (p = 0; p < P; p = p + 1) begin : element
            assign row[p] = weights[64*p +: 64];
            assign begin_at[p] = {{(32-SUM_BITS){1'b0}}, starts[SUM_BITS*p +: SUM_BITS]};
            assign sums[SUM_BITS*p +: SUM_BITS] = shown[p][SUM_BITS-1:0];
        end
    endgenerate
    // The last stage first: what a stage leaves is of this block alone, and is taken before it is
    // written. Loops stay loops, and each has a variable of its own, or nothing is gained.
    always @(posedge clk) begin : stages
        automatic reg [31:0] a, b, c, d, e, doubled;
        automatic reg [63:0] seen;
        if (first_d[2]) begin
            /* verilator unroll_disable */
            for (a = 0; a < P; a = a + 1) sum[a] = begin_at[a] + count[a][31:0];
        end else begin
            doubled = {31'd0, twice_d[2]};
            /* verilator unroll_disable */
            for (b = 0; b < P; b = b + 1) sum[b] = (sum[b] << doubled) + count[b][31:0];
        end
        shown <= sum;
        /* verilator unroll_disable */
        for (c = 0; c < P; c = c + 1) count[c] = waiting[c];
        /* verilator unroll_disable */
        for (d = 0; d < P; d = d + 1) waiting[d] = counted[d];
        /* verilator unroll_full */
        for (int lane = 0; lane < LANES; lane = lane + 1) begin
            seen = together ? data[64*lane +: 64] : data[63:0];
            /* verilator unroll_disable */
            for (e = 0; e < PER_LANE; e = e + 1)
                counted[lane*PER_LANE + e] = 64'($countones(seen ^ row[lane*PER_LANE + e]));
        end
    end
`else
    generate
        for (p = 0; p < P; p = p + 1) begin : element
            wire [63:0] seen;
            if (LANES == 1) begin : single
                assign seen = data;
            end else begin : several
                localparam integer LANE = p / (P / LANES);
                assign seen = together ? data[64*LANE +: 64] : data[63:0];
            end
            pe #(.SUM_BITS(SUM_BITS)) element (
                .clk(clk), .data(seen), .weights(weights[64*p +: 64]), .first(first_d[2]),
                .twice(twice_d[2]), .start(starts[SUM_BITS*p +: SUM_BITS]),
                .sum(sums[SUM_BITS*p +: SUM_BITS]));
        end
    endgenerate
`endif
endmodule

`default_nettype wire
