// SPDX-License-Identifier: Apache-2.0
// P processing elements of 64 lanes, for one image or for several side by side.
//
// With several images at once each has P / LANES elements; all share the weights' rows, which hold
// an image's weights once for each of them.
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
endmodule

`default_nettype wire
