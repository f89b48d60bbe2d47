// SPDX-License-Identifier: Apache-2.0
// The order of a batch: images in, first layers, layer after layer, and the end.
//
// Three stages work on three images, or groups of images, at once: one comes in, one is in the
// first layer's unit (if the model uses it), one is in the array. Between stages stand two buffers.
// Law of the file: a stage begins when its input is whole and its output has room; nothing else
// decides when.
`default_nettype none

module batch_control #(
    parameter integer LANES = 1,
    parameter integer LANE_BITS = 1
) (
    input  wire                 clk,
    input  wire                 rst,
    input  wire                 batch_start,
    input  wire [23:0]          batch_images,
    input  wire                 has_labels,
    // The model.
    input  wire                 first,
    input  wire                 together,
    input  wire [6:0]           image_rows,
    input  wire [7:0]           image_beats,
    input  wire [4:0]           layers,
    // Images come in.
    input  wire                 image_valid,
    output wire                 image_ready,
    output wire                 images_whole,
    output reg                  label_put,
    input  wire                 label_room,
    output wire                 pixel_write,    // to the first layer's unit
    output reg                  pixel_image,
    output wire                 direct_write,   // to a map
    output reg  [6:0]           image_row,
    output reg  [7:0]           image_beat,
    output reg                  row_begins,     // with the first beat of an image's row
    output wire                 row_ends,       // with the last
    output wire                 image_ends,     // in the last row
    output wire                 in_half,
    output wire [LANE_BITS-1:0] in_lane,
    // The first layer's unit.
    output reg                  first_start,
    output reg                  first_image,
    input  wire                 first_busy,
    // The array.
    output reg                  layer_load,     // the descriptor of `layer` becomes the current one
    output reg                  layer_start,    // a clock later
    output reg  [3:0]           layer,          // that is loaded next
    output reg                  on_input,       // the current layer reads the input maps
    output reg                  main_half,
    output reg  [2:0]           group_images,
    input  wire                 array_busy,     // its last word is not in the sums yet
    output reg                  group_running,
    output reg                  group_done,
    // The end.
    input  wire                 all_counted,    // of the clock before
    output reg                  active
);
    // ---- images come in
    reg [1:0] half_full, pixel_full;
    reg fill_half;                  // of the input maps
    reg [LANE_BITS:0] fill_lane;
    reg [2:0] half_images [0:1];
    reg [23:0] to_come, to_place;   // images that are not in, and whose first map is not made
    reg some_come, one_place;       // to_come is not 0, to_place is 1
    reg wants_label;                // the next beat is a label
    reg open;                       // the batch's model is known
    reg image_in;                   // the beat before this clock was an image's last
    // Of the clock before; none while an image ends, and no label follows another at once.
    reg room, room_for_label;
    assign images_whole = !some_come;
    assign image_ready = open && some_come && !image_in && (wants_label ? room_for_label : room);
    wire take = image_valid && image_ready;
    wire take_beat = take && !wants_label;
    reg [7:0] beat_before_last;     // the model is stable long before
    reg [6:0] row_before_last;
    reg one_beat, one_row, last_beat, last_row;
    always @(posedge clk) begin
        beat_before_last <= image_beats - 8'd2;
        row_before_last <= image_rows - 7'd2;
        one_beat <= image_beats == 8'd1;
        one_row <= image_rows == 7'd1;
    end
    assign row_ends = last_beat;
    assign image_ends = last_row;
    assign pixel_write = take_beat && first;
    assign direct_write = take_beat && !first;
    assign in_half = fill_half;
    assign in_lane = fill_lane[LANE_BITS-1:0];
    always @* label_put = take && wants_label;
    always @* row_begins = image_beat == 8'd0;

    // ---- a map of an image is made: by the unit, or as it came
    reg first_was_busy;
    wire first_done = first_was_busy && !first_busy;
    wire made = first ? first_done : image_in;
    wire [LANE_BITS:0] lanes = together ? LANES[LANE_BITS:0] : {{LANE_BITS{1'b0}}, 1'b1};
    wire group_made = made && (fill_lane + 1'b1 == lanes || one_place);

    // ---- the array
    localparam [1:0] WAIT = 2'd0, LOAD = 2'd1, START = 2'd2, RUN = 2'd3;
    reg [1:0] state;
    reg [4:0] layers_left;
    wire last_layer = layers_left == 5'd1;

    always @(posedge clk) begin
        first_start <= 1'b0;
        layer_load <= 1'b0;
        layer_start <= 1'b0;
        group_done <= 1'b0;
        first_was_busy <= !rst && (first_busy || first_start);
        open <= active && !rst && !batch_start;
        image_in <= take_beat && last_beat && last_row && !rst && !batch_start;
        room_for_label <= label_room;
        room <= (first ? !pixel_full[pixel_image] : !half_full[fill_half]) && !image_in;
        if (rst) begin
            active <= 1'b0;
            state <= WAIT;
            group_running <= 1'b0;
            // What is in the maps of an ended batch starts no group.
            half_full <= 2'b00;
            pixel_full <= 2'b00;
        end else if (batch_start) begin
            active <= 1'b1;
            half_full <= 2'b00;
            pixel_full <= 2'b00;
            fill_half <= 1'b0;
            fill_lane <= 0;
            pixel_image <= 1'b0;
            first_image <= 1'b1;
            to_come <= batch_images;
            some_come <= 1'b1;
            to_place <= batch_images;
            one_place <= batch_images == 24'd1;
            image_row <= 7'd0;
            image_beat <= 8'd0;
            main_half <= 1'b1;
            state <= WAIT;
            layer <= 4'd0;
            group_running <= 1'b0;
        end else begin
            if (!open) wants_label <= has_labels;
            else if (take) wants_label <= has_labels && !wants_label && last_beat && last_row;
            if (!open) begin
                last_beat <= one_beat;
                last_row <= one_row;
            end else if (take_beat) begin
                image_beat <= last_beat ? 8'd0 : image_beat + 8'd1;
                last_beat <= last_beat ? one_beat : image_beat == beat_before_last;
                if (last_beat) begin
                    image_row <= last_row ? 7'd0 : image_row + 7'd1;
                    last_row <= last_row ? one_row : image_row == row_before_last;
                end
            end
            if (image_in) begin
                to_come <= to_come - 24'd1;
                some_come <= to_come != 24'd1;
                if (first) begin
                    pixel_full[pixel_image] <= 1'b1;
                    pixel_image <= !pixel_image;
                end
            end
            if (first && !first_busy && !first_start && !first_was_busy
                && pixel_full[!first_image] && !half_full[fill_half]) begin
                first_start <= 1'b1;
                first_image <= !first_image;
            end
            if (first && first_done) pixel_full[first_image] <= 1'b0;
            if (made) begin
                to_place <= to_place - 24'd1;
                one_place <= to_place == 24'd2;
                fill_lane <= group_made ? 0 : fill_lane + 1'b1;
                if (group_made) begin
                    half_full[fill_half] <= 1'b1;
                    half_images[fill_half] <= {{(2-LANE_BITS){1'b0}}, fill_lane} + 3'd1;
                    fill_half <= !fill_half;
                end
            end
            case (state)
                WAIT: if (half_full[!main_half]) begin
                    main_half <= !main_half;
                    group_images <= half_images[!main_half];
                    layers_left <= layers;
                    on_input <= 1'b1;
                    group_running <= 1'b1;
                    layer_load <= 1'b1;
                    state <= LOAD;
                end
                LOAD: begin
                    layer <= layer + 4'd1;
                    layer_start <= 1'b1;
                    state <= START;
                end
                START: state <= RUN;
                default: if (!array_busy) begin  // RUN; the next layer's first read is after the
                    layers_left <= layers_left - 5'd1;  // last bits' write
                    on_input <= 1'b0;
                    if (on_input) half_full[main_half] <= 1'b0;
                    if (last_layer) begin
                        layer <= 4'd0;
                        state <= WAIT;
                        group_running <= 1'b0;
                        group_done <= 1'b1;
                    end else begin
                        layer_load <= 1'b1;
                        state <= LOAD;
                    end
                end
            endcase
            if (open && all_counted) active <= 1'b0;
        end
    end
endmodule

`default_nettype wire
