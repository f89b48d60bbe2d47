// SPDX-License-Identifier: Apache-2.0
// Looks through a slot's descriptors before its model becomes valid.
//
// A model comes from a stranger's block, and was folded by a driver that may be wrong: no loop may
// have nothing or too much to do, no memory may be left.
// Law of the file: the first thing that is wrong gives the code; what passes ends in bounded time.
`default_nettype none

module descriptor_check #(
    parameter integer P = 32,
    parameter integer T = 32,
    parameter integer ROW_BITS = 10,
    parameter integer LIMIT_BITS = 5,
    parameter integer PROGRAM_BITS = 8,
    parameter integer RING_BITS = 9,
    parameter integer INDEX_BITS = 10,
    parameter integer LANE_RING_BITS = 5,
    parameter integer LANE_INDEX_BITS = 6,
    parameter integer LANES = 1,
    parameter integer TILES = 32,
    parameter integer FIRST_TILES = 8
) (
    input  wire         clk,
    input  wire         rst,
    input  wire         start,
    input  wire [127:0] model,
    output reg  [3:0]   layer,
    input  wire [255:0] descriptor,   // of `layer`, a clock later
    output reg          done,
    output reg  [7:0]   error
);
    localparam [7:0] BAD_MODEL = 8'd16, BAD_GRID = 8'd17, BAD_MAP = 8'd18, BAD_WINDOW = 8'd19,
        BAD_PROGRAM = 8'd20, BAD_TILES = 8'd21, BAD_ROWS = 8'd22, BAD_LIMITS = 8'd23,
        BAD_END = 8'd24;
    wire [4:0] layers = model[4:0];
    wire first = model[5], together = model[8];
    wire [6:0] image_rows = model[22:16];
    wire [7:0] image_beats = model[31:24];
    wire [6:0] input_rows = first ? {2'd0, model[44:40]} : image_rows;  // of the first map
    wire [8:0] input_words = model[72:64];

    wire logits = descriptor[0], pool = descriptor[1];
    wire [1:0] tail_words = descriptor[5:4];
    wire [6:0] in_rows = descriptor[22:16];
    wire [14:0] row_bits = descriptor[38:24];
    wire [6:0] out_rows = descriptor[70:64], out_columns = descriptor[78:72];
    wire [8:0] row_words = descriptor[104:96];
    wire [PROGRAM_BITS-1:0] program_base = descriptor[112 +: PROGRAM_BITS];
    wire [8:0] program_length = descriptor[136:128];
    wire [9:0] words = descriptor[153:144];
    wire [9:0] weight_base = descriptor[169:160];
    wire [5:0] tiles = descriptor[181:176];
    wire [4:0] limit_base = descriptor[196:192];
    wire [6:0] last_channels = descriptor[206:200];

    // What is wrong is found piece by piece, each from registers: products, comparisons, a verdict.
    reg [2:0] step;
    reg looking;  // at a layer; before that at the model
    reg [6:0] map_rows;  // of the first map, then of the layer's
    reg [8:0] map_row_words;
    reg [15:0] map_words, weight_rows;
    reg [4:0] bad_model;
    reg [1:0] bad_map;
    reg large_map;
    reg [1:0] bad_grid, bad_end;
    reg bad_window, bad_length, bad_place, bad_tiles, bad_rows, bad_limits;
    reg last, found_model;
    reg [7:0] found;
    reg [16:0] row_end;
    wire [15:0] most_words = together ? 16'd1 << (LANE_INDEX_BITS - 1) : 16'd1 << (INDEX_BITS - 1);
    wire [15:0] most_window = together ? 16'd1 << (LANE_RING_BITS - 1) : 16'd1 << (RING_BITS - 1);

    always @(posedge clk) begin
        // A clock after the model or the descriptor, and two for a map: products.
        map_rows <= looking ? in_rows : input_rows;
        map_row_words <= looking ? row_words : input_words;
        map_words <= ((map_rows + 7'd1) >> 1) * map_row_words;
        weight_rows <= tiles * (words + {8'd0, tail_words});
        last <= {1'b0, layer} + 5'd1 == layers;
        row_end <= {1'b0, weight_base} + weight_rows;
        // One or two more: comparisons.
        bad_model[0] <= layers == 5'd0 || layers > 5'd16 || (together && LANES == 1);
        bad_model[1] <= image_rows == 7'd0 || image_rows > 7'd64 || image_beats == 8'd0;
        bad_model[2] <= first && (image_rows > 7'd32 || image_beats > 8'd4
                        || model[13:10] == 4'd0 || model[13:10] > FIRST_TILES
                        || model[38:32] == 7'd0 || model[38:32] > T);
        bad_model[3] <= first && (model[44:40] == 5'd0 || model[52:48] == 5'd0
                        || {2'b00, model[44:40]} * 2 + 7'd2 > image_rows
                        || model[44:40] > 5'd15 || model[52:48] > 5'd15);
        bad_model[4] <= !first && image_beats > input_words;
        large_map <= map_words > most_words;
        bad_grid[0] <= out_rows == 7'd0 || out_rows > 7'd64;
        bad_grid[1] <= out_columns == 7'd0 || out_columns > 7'd64;
        bad_map[0] <= in_rows == 7'd0 || in_rows > 7'd64 || row_words == 9'd0;
        bad_map[1] <= row_bits == 15'd0 || {1'b0, row_words, 6'd0} < {1'b0, row_bits};
        bad_window <= words == 10'd0 || {6'd0, words} > most_window;
        bad_length <= program_length < words[8:0];
        bad_place <= {2'd0, program_base} + {1'b0, program_length} > (10'd1 << PROGRAM_BITS);
        bad_tiles <= tiles == 6'd0 || tiles > TILES || last_channels == 7'd0
                     || last_channels > (together ? P / LANES : P);
        bad_rows <= row_end > (17'd1 << ROW_BITS);
        bad_limits <= {2'd0, limit_base} + {1'b0, tiles} > (7'd1 << LIMIT_BITS);
        bad_end[0] <= logits != last;
        bad_end[1] <= logits && (pool || out_rows != 7'd1 || out_columns != 7'd1
                      || (together && tiles != 6'd1));
        // One more: the first of them that is true.
        found_model <= bad_model != 5'd0 || large_map;
        found <= bad_grid != 2'd0 ? BAD_GRID : bad_map != 2'd0 || large_map ? BAD_MAP
               : bad_window ? BAD_WINDOW
               : bad_length || bad_place ? BAD_PROGRAM : bad_tiles ? BAD_TILES
               : bad_rows ? BAD_ROWS : bad_limits ? BAD_LIMITS
               : bad_end != 2'd0 ? BAD_END : 8'd0;
        // A verdict, when all of that is of this model and this layer.
        done <= 1'b0;
        step <= step == 3'd0 ? 3'd0 : step + 3'd1;
        if (rst) step <= 3'd0;
        else if (start) begin
            step <= 3'd1;
            looking <= 1'b0;
            layer <= 4'd0;
            error <= 8'd0;
        end else if (step == 3'd6) begin
            if (looking ? found != 8'd0 : found_model) error <= looking ? found : BAD_MODEL;
        end else if (step == 3'd7) begin
            looking <= 1'b1;
            if (looking) layer <= layer + 4'd1;
            step <= 3'd1;
            if (error != 8'd0 || (looking && last)) begin
                done <= 1'b1;
                step <= 3'd0;
            end
        end
    end
endmodule

`default_nettype wire
