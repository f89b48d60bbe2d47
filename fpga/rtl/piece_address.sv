// SPDX-License-Identifier: Apache-2.0
// Where a piece of a window stands in its row bank, and which of its bits count.
//
// `offset` is the piece's first bit in the row, for a window at the left edge, less its first bit
// in the word; so the 64 bits from `left + offset` on have it where it belongs.
// Law of the file: bits outside of the row, and rows outside of the map, are masked; three clocks
// to the index, and what the lanes want of the piece comes when its data are there.
`default_nettype none

module piece_address #(
    parameter integer INDEX_BITS = 10
) (
    input  wire                  clk,
    input  wire signed [8:0]     row,
    input  wire [6:0]            in_rows,
    input  wire signed [16:0]    left,
    input  wire [28:0]           piece,  // {offset 16, from 6, to 7}
    input  wire [14:0]           row_bits,
    input  wire [INDEX_BITS-2:0] row_words,
    input  wire                  half,
    output reg  [INDEX_BITS-1:0] index,
    output reg  [63:0]           odd,    // a clock after it: which bits are of the odd word
    output wire [5:0]            shift,  // two clocks after it
    output reg  [63:0]           mask    // four clocks after it
);
    // ---- first clock
    reg inside_a;
    reg [5:0] pair_a;
    reg signed [17:0] start_a;
    reg [5:0] from_a;
    reg [6:0] to_a;
    always @(posedge clk) begin
        inside_a <= !row[8] && row < $signed({2'b00, in_rows});
        pair_a <= row[6:1];
        start_a <= left + $signed(piece[28:13]);
        from_a <= piece[12:7];
        to_a <= piece[6:0];
    end

    // ---- second clock
    wire signed [17:0] room = $signed({3'b000, row_bits}) - start_a;  // bits up to the row's end
    wire signed [17:0] missing = -start_a;                            // bits before its begin
    reg [INDEX_BITS-2:0] row_index_b, word_b;
    reg [5:0] shift_b;
    reg [6:0] from_b, to_b;
    wire [INDEX_BITS+4:0] product = pair_a * row_words;
    always @(posedge clk) begin
        row_index_b <= product[INDEX_BITS-2:0];
        word_b <= start_a[INDEX_BITS+4:6];
        shift_b <= start_a[5:0];
        from_b <= missing > $signed({12'd0, from_a})
                  ? (missing > 18'sd64 ? 7'd64 : missing[6:0]) : {1'b0, from_a};
        to_b <= !inside_a || room <= 18'sd0 ? 7'd0
                : room < $signed({11'd0, to_a}) ? room[6:0] : to_a;
    end

    // ---- third clock
    reg [5:0] shift_d [0:2];
    reg [5:0] from_d [0:2];  // 63 at most: what begins at 64 ends at 0
    reg [6:0] to_d [0:2];
    wire nothing = from_b[6] || to_b == 7'd0;
    integer n;
    always @(posedge clk) begin
        index <= {half, row_index_b + word_b};
        shift_d[0] <= shift_b;
        from_d[0] <= from_b[5:0];
        to_d[0] <= nothing ? 7'd0 : to_b;
        for (n = 1; n < 3; n = n + 1) begin
            shift_d[n] <= shift_d[n-1];
            from_d[n] <= from_d[n-1];
            to_d[n] <= to_d[n-1];
        end
    end
    assign shift = shift_d[2];

    // ---- which bits
`ifdef FAST_COUNT
    // For simulation only, as it would be written if tables cost nothing; the unit's bench is run
    // with it and without.
    localparam [63:0] ALL = {64{1'b1}};
    reg [5:0] from_e;
    reg [6:0] to_e;
    always @(posedge clk) begin
        odd <= (ALL << shift_d[0]) ^ {64{!index[0]}};
        from_e <= from_d[2];
        to_e <= to_d[2];
        mask <= (ALL << from_e) & ~(ALL << to_e);
    end
`else
    // By eights, and within eight.
    function [63:0] eights(input [7:0] bits);  // each of them eight times
        eights = {{8{bits[7]}}, {8{bits[6]}}, {8{bits[5]}}, {8{bits[4]}},
                  {8{bits[3]}}, {8{bits[2]}}, {8{bits[1]}}, {8{bits[0]}}};
    endfunction
    reg [7:0] whole_from, part_from, low_from, whole_to, part_to, low_to;
    wire [7:0] whole_odd = 8'hFE << shift_d[0][5:3], part_odd = 8'h01 << shift_d[0][5:3],
        low_odd = 8'hFF << shift_d[0][2:0];
    always @(posedge clk) begin
        odd <= (eights(whole_odd) | (eights(part_odd) & {8{low_odd}})) ^ {64{!index[0]}};
        whole_from <= 8'hFE << from_d[2][5:3];
        part_from <= 8'h01 << from_d[2][5:3];
        low_from <= 8'hFF << from_d[2][2:0];
        whole_to <= ~(8'hFF << to_d[2][6:3]);
        part_to <= 8'h01 << to_d[2][6:3];
        low_to <= ~(8'hFF << to_d[2][2:0]);
        mask <= (eights(whole_from) | (eights(part_from) & {8{low_from}}))
                & (eights(whole_to) | (eights(part_to) & {8{low_to}}));
    end
`endif
endmodule

`default_nettype wire
