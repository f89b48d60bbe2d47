// SPDX-License-Identifier: Apache-2.0
// A first layer of 3 x 3 on one plane of pixels with 2 x 2 pooling, beside the array.
//
// Small windows would leave most lanes of the array idle, and bytes would take it eight times as
// long. T trees of nine taps look at a patch of 4 x 4 pixels, which is one pooled place: T channels
// at one of its four windows a clock, or, if a quarter of T is enough, all four windows at once.
// Law of the file: equal to the law's first layer; output in the order of the map's bit string.
`default_nettype none

module first_layer #(
    parameter integer T = 32,
    parameter integer TILE_BITS = 3,
    parameter integer START_BITS = 13
) (
    input  wire                         clk,
    input  wire                         rst,
    // The model; stable while busy.
    input  wire                         bytes,
    input  wire                         quad,       // all four windows at once
    input  wire [TILE_BITS:0]           tiles,
    input  wire [6:0]                   last_channels,
    input  wire [4:0]                   out_rows,
    input  wire [4:0]                   out_columns,
    output wire [TILE_BITS-1:0]         tile,       // whose parameters are wanted
    input  wire [T*(9+START_BITS)-1:0]  parameters, // one clock later
    // Pixels: rows of beats into one of two images.
    input  wire                         pixel_write,
    input  wire                         pixel_image,
    input  wire [4:0]                   pixel_row,
    input  wire [1:0]                   pixel_beat,
    input  wire [63:0]                  pixel_data,
    // Work.
    input  wire                         start,
    input  wire                         image,
    output reg                          busy,
    output reg                          out_valid,
    output reg  [T-1:0]                 out_bits,
    output reg  [6:0]                   out_count,
    output reg                          out_row_end
);
    // ---- pixels: rows in turn in four banks
    (* ram_style = "block" *) reg [63:0] bank_0 [0:63];
    (* ram_style = "block" *) reg [63:0] bank_1 [0:63];
    (* ram_style = "block" *) reg [63:0] bank_2 [0:63];
    (* ram_style = "block" *) reg [63:0] bank_3 [0:63];
    wire [5:0] put_index = {pixel_image, pixel_row[4:2], pixel_beat};
    always @(posedge clk)
        if (pixel_write)
            case (pixel_row[1:0])
                2'd0: bank_0[put_index] <= pixel_data;
                2'd1: bank_1[put_index] <= pixel_data;
                2'd2: bank_2[put_index] <= pixel_data;
                default: bank_3[put_index] <= pixel_data;
            endcase

    // ---- walk: pairs of columns; within a patch tiles, and its windows
    reg walking;
    reg [4:0] row;         // pooled
    reg [5:0] pair;        // of pixel columns; from the second on there is a patch
    reg [TILE_BITS-1:0] tile_now;
    reg [1:0] window;
    wire patch_now = pair != 6'd0;
    wire final_tile = {1'b0, tile_now} + 1'b1 == tiles;
    wire leaves = !patch_now || quad || (window == 2'd3 && final_tile);
    wire last_pair = pair == {1'b0, out_columns};
    reg last_row;  // of this row: it has two pairs or more
    always @(posedge clk) begin
        last_row <= row + 5'd1 == out_rows;
        if (rst) walking <= 1'b0;
        else if (start) begin
            walking <= 1'b1;
            row <= 5'd0;
            pair <= 6'd0;
            tile_now <= 0;
            window <= 2'd0;
        end else if (walking) begin
            if (leaves) begin
                pair <= last_pair ? 6'd0 : pair + 6'd1;
                tile_now <= 0;
                window <= 2'd0;
                if (last_pair) begin
                    row <= row + 5'd1;
                    if (last_row) walking <= 1'b0;
                end
            end else begin
                window <= window + 2'd1;
                if (window == 2'd3) tile_now <= tile_now + 1'b1;
            end
        end
    end

    // ---- stage 1: four rows of pixels
    wire [1:0] beat = bytes ? pair[3:2] : 2'd0;
    wire [5:0] upper = {image, row[3:1] + {2'b00, row[0]}, beat};  // rows 0 and 1 of the four banks
    wire [5:0] lower = {image, row[3:1], beat};
    reg [63:0] line_0, line_1, line_2, line_3;
    reg [1:0] quarter_1;
    reg [2:0] pair_1;  // within a quarter of bits
    reg turned_1, patch_1, step_1;
    reg [TILE_BITS-1:0] tile_1;
    reg [1:0] window_1;
    reg final_1, row_end_1;
    always @(posedge clk) begin
        line_0 <= bank_0[upper];
        line_1 <= bank_1[upper];
        line_2 <= bank_2[lower];
        line_3 <= bank_3[lower];
        quarter_1 <= bytes ? pair[1:0] : pair[4:3];
        pair_1 <= pair[2:0];
        turned_1 <= row[0];
        step_1 <= walking && window == 2'd0 && tile_now == 0;
        patch_1 <= !rst && walking && patch_now;
        tile_1 <= tile_now;
        window_1 <= window;
        final_1 <= final_tile;
        row_end_1 <= last_pair && leaves;
    end

    // ---- stage 2: two pixels of each
    function [15:0] two(input [63:0] line, input whole, input [1:0] quarter, input [2:0] at);
        reg [15:0] part;
        reg [1:0] pair_of_bits;
        begin
            part = line[16*quarter +: 16];
            pair_of_bits = part[2*at +: 2];
            two = whole ? part  // a bit is 127 or 128
                : {pair_of_bits[1], {7{!pair_of_bits[1]}}, pair_of_bits[0], {7{!pair_of_bits[0]}}};
        end
    endfunction
    reg [15:0] fresh_0, fresh_1, fresh_2, fresh_3;
    reg patch_2, step_2, final_2, row_end_2;
    reg [TILE_BITS-1:0] tile_2;
    reg [1:0] window_2;
    always @(posedge clk) begin
        fresh_0 <= two(turned_1 ? line_2 : line_0, bytes, quarter_1, pair_1);
        fresh_1 <= two(turned_1 ? line_3 : line_1, bytes, quarter_1, pair_1);
        fresh_2 <= two(turned_1 ? line_0 : line_2, bytes, quarter_1, pair_1);
        fresh_3 <= two(turned_1 ? line_1 : line_3, bytes, quarter_1, pair_1);
        patch_2 <= !rst && patch_1;
        step_2 <= step_1;
        tile_2 <= tile_1;
        window_2 <= window_1;
        final_2 <= final_1;
        row_end_2 <= row_end_1;
    end

    // ---- stage 3: the patch, four columns
    reg [31:0] patch_row_0, patch_row_1, patch_row_2, patch_row_3;
    reg patch_3, step_3, final_3, row_end_3;
    reg [TILE_BITS-1:0] tile_3;
    reg [1:0] window_3;
    always @(posedge clk) begin
        if (step_2) begin
            patch_row_0 <= {fresh_0, patch_row_0[31:16]};
            patch_row_1 <= {fresh_1, patch_row_1[31:16]};
            patch_row_2 <= {fresh_2, patch_row_2[31:16]};
            patch_row_3 <= {fresh_3, patch_row_3[31:16]};
        end
        patch_3 <= !rst && patch_2;
        step_3 <= step_2;
        tile_3 <= tile_2;
        window_3 <= window_2;
        final_3 <= final_2;
        row_end_3 <= row_end_2;
    end

    // ---- stage 4: three neighbours of each row, with the signs that a channel may give them
    wire [39:0] three [0:7];  // {row, right}
    genvar r, t;
    generate
        for (r = 0; r < 4; r = r + 1) begin : neighbours
            wire [31:0] pixels = r == 0 ? patch_row_0 : r == 1 ? patch_row_1
                               : r == 2 ? patch_row_2 : patch_row_3;
            first_row sums (.clk(clk), .step(step_3), .pixels(pixels), .left(three[2*r]),
                            .right(three[2*r + 1]));
        end
    endgenerate
    reg patch_4, final_4, row_end_4;
    reg [1:0] window_4;
    reg [1:0] choice [0:3];
    reg [TILE_BITS-1:0] tile_4;
    integer g, n;
    always @(posedge clk) begin
        patch_4 <= !rst && patch_3;
        window_4 <= window_3;
        final_4 <= final_3;
        row_end_4 <= row_end_3;
        tile_4 <= tile_3;
        for (g = 0; g < 4; g = g + 1) choice[g] <= quad ? g[1:0] : window_3;
    end
    assign tile = tile_4;

    // ---- stage 5: windows for the four groups of trees
    reg [39:0] seen [0:11];  // three rows of each
    reg patch_5, final_5, row_end_5;
    reg [1:0] window_5;
    always @(posedge clk) begin
        if (patch_4)
            for (g = 0; g < 4; g = g + 1)
                for (n = 0; n < 3; n = n + 1)
                    seen[3*g + n] <= choice[g][1]
                        ? (choice[g][0] ? three[2*n + 3] : three[2*n + 2])
                        : (choice[g][0] ? three[2*n + 1] : three[2*n]);
        patch_5 <= !rst && patch_4;
        window_5 <= window_4;
        final_5 <= final_4;
        row_end_5 <= row_end_4;
    end

    // ---- trees, two clocks
    wire [T-1:0] negative;
    reg [1:0] patch_d;
    wire [767:0] seen_rows;  // each in 64 bits, as a simulator likes it
    generate
        for (t = 0; t < 12; t = t + 1) begin : of_group
            assign seen_rows[64*t +: 64] = {24'd0, seen[t]};
        end
    endgenerate
    first_trees #(.T(T), .START_BITS(START_BITS)) trees (
        .clk(clk), .step({patch_d[0], patch_5}), .seen(seen_rows), .parameters(parameters),
        .negative(negative));
    reg [1:0] final_d, row_end_d;
    reg [1:0] window_6, window_7;
    always @(posedge clk) begin
        patch_d <= rst ? 2'd0 : {patch_d[0], patch_5};
        final_d <= {final_d[0], final_5};
        row_end_d <= {row_end_d[0], row_end_5};
        window_6 <= window_5;
        window_7 <= window_6;
    end

    // ---- pooling: -1 only if all four are
    wire [T-1:0] minus = negative ^ {T{!bytes}};
    reg [T-1:0] pooled;
    wire [T-1:0] pooled_now = window_7 == 2'd0 ? minus : pooled & minus;
    wire [T/4-1:0] all_four = minus[0 +: T/4] & minus[T/4 +: T/4] & minus[T/2 +: T/4]
                              & minus[3*T/4 +: T/4];
    reg [3:0] left;  // clocks until another image may begin
    always @(posedge clk) begin
        pooled <= pooled_now;
        out_valid <= !rst && patch_d[1] && (quad || window_7 == 2'd3);
        out_bits <= quad ? {{(T-T/4){1'b0}}, all_four} : pooled_now;
        out_count <= final_d[1] ? last_channels : T[6:0];
        out_row_end <= row_end_d[1];
        if (rst) begin
            busy <= 1'b0;
            left <= 4'd0;
        end else if (start) begin
            busy <= 1'b1;
            left <= 4'd4;  // what is under way is written before the array can ask for it
        end else if (busy && !walking) begin
            left <= left - 4'd1;
            if (left == 4'd0) busy <= 1'b0;
        end
    end
endmodule

`default_nettype wire
