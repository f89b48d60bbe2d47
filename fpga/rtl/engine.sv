// SPDX-License-Identifier: Apache-2.0
// The engine: packets in, logits or a count out; every part stands here, with its wires.
//
// stream_input -> model_store, or -> batch_control -> input maps (or first_layer -> input maps)
// -> window_control + window_lane -> ring of windows -> tile_sequencer + pe_array -> limits -> pool
// -> map_writer -> maps, layer after layer -> result_unit.
// Law of the file: wires, the ring, pooling and the abort of a batch; all else has its own file.
`default_nettype none

module engine #(
    parameter integer P = 32,
    parameter integer T = 32,
    parameter integer LANES = 1,
    parameter integer ROW_BITS = 10
) (
    input  wire        clk,
    input  wire        rst,
    input  wire        hard_rst,    // with rst: what goes out may be taken back, too
    // Settings.
    input  wire        run_slot,
    input  wire        count_only,
    input  wire        has_labels,
    input  wire [1:0]  drop,
    input  wire [31:0] watchdog_clocks,
    // State.
    output reg         busy,        // a batch runs, or results of one have not been taken
    output wire [1:0]  slot_valid,
    output reg         error,
    output reg  [7:0]  error_code,
    output reg         batch_finished,
    output wire [31:0] done_images,
    output wire [31:0] correct,
    output wire [31:0] crc_value,
    output reg  [31:0] clocks,
    output reg  [31:0] stall_in,
    output reg  [31:0] stall_out,
    // Streams.
    input  wire [63:0] in_data,
    input  wire        in_last,
    input  wire        in_valid,
    output wire        in_ready,
    output wire [63:0] out_data,
    output wire        out_last,
    output wire        out_valid,
    input  wire        out_ready
);
    localparam integer SUM_BITS = 20, START_BITS = 13, LIMIT_BITS = 5, PROGRAM_BITS = 8,
        FIRST_TILE_BITS = 3, TILE_BITS = 5, INDEX_BITS = 10, LANE_INDEX_BITS = 6, RING_BITS = 9,
        LANE_RING_BITS = 5, LANE_BITS = LANES > 1 ? $clog2(LANES) : 1, PER_LANE = P / LANES;
    localparam [7:0] WATCHDOG = 8'd32;

    // ---- packets and models
    wire write, load_slot, check_start, check_done, batch_start, image_valid, image_ready,
        images_whole, batch_complete, stream_error, error_in_batch, active;
    wire slot;  // of the batch that runs
    wire [2:0] write_target;
    wire [23:0] write_address;
    wire [63:0] write_data, image_data;
    wire [7:0] check_error, stream_error_code;
    wire [23:0] batch_images, images_counted, images_correct;
    reg abort, in_batch;
    stream_input #(.P(P), .T(T), .ROW_BITS(ROW_BITS), .LIMIT_BITS(LIMIT_BITS),
                   .PROGRAM_BITS(PROGRAM_BITS), .TILE_BITS(FIRST_TILE_BITS)) stream (
        .clk(clk), .rst(rst), .in_data(in_data), .in_last(in_last), .in_valid(in_valid),
        .in_ready(in_ready), .drop(drop), .run_slot(run_slot), .batch_slot(slot),
        .running(in_batch), .slot_valid(slot_valid), .write(write), .write_target(write_target),
        .write_address(write_address), .write_data(write_data), .load_slot(load_slot),
        .check_start(check_start), .check_done(check_done), .check_error(check_error),
        .batch_start(batch_start), .batch_images(batch_images), .image_valid(image_valid),
        .image_data(image_data), .image_ready(image_ready), .images_whole(images_whole),
        .cancel(abort), .batch_complete(batch_complete),
        .error(stream_error), .error_in_batch(error_in_batch), .error_code(stream_error_code),
        .crc_value(crc_value));

    wire [ROW_BITS-1:0] weight_row;
    wire [64*P-1:0] weights;
    wire [LIMIT_BITS-1:0] limit_row;
    reg [LIMIT_BITS-1:0] limit_d [0:3];
    wire [(SUM_BITS+1)*P-1:0] limits;
    wire [PROGRAM_BITS-1:0] program_index;
    wire [71:0] program_entry;
    wire [FIRST_TILE_BITS-1:0] first_tile;
    wire [(9+START_BITS)*T-1:0] first_parameters;
    wire [3:0] layer, checked_layer;
    wire [255:0] descriptor, checked;
    wire [127:0] model_0, model_1;
    reg [127:0] model;  // of the slot that runs
    always @(posedge clk) model <= slot ? model_1 : model_0;
    model_store #(.P(P), .T(T), .ROW_BITS(ROW_BITS), .LIMIT_BITS(LIMIT_BITS),
                  .PROGRAM_BITS(PROGRAM_BITS), .TILE_BITS(FIRST_TILE_BITS), .SUM_BITS(SUM_BITS),
                  .START_BITS(START_BITS)) store (
        .clk(clk), .write(write), .write_target(write_target), .write_address(write_address),
        .write_data(write_data), .write_slot(load_slot), .slot(slot), .weight_row(weight_row),
        .weights(weights), .limit_row(limit_d[3]), .limits(limits), .program_index(program_index),
        .program_entry(program_entry), .first_tile(first_tile),
        .first_parameters(first_parameters), .layer(layer), .descriptor(descriptor),
        .checked_layer(checked_layer), .checked(checked), .model_0(model_0), .model_1(model_1));
    descriptor_check #(.P(P), .T(T), .ROW_BITS(ROW_BITS), .LIMIT_BITS(LIMIT_BITS),
                       .PROGRAM_BITS(PROGRAM_BITS), .RING_BITS(RING_BITS), .INDEX_BITS(INDEX_BITS),
                       .LANE_RING_BITS(LANE_RING_BITS), .LANE_INDEX_BITS(LANE_INDEX_BITS),
                       .LANES(LANES), .TILES(1 << TILE_BITS),
                       .FIRST_TILES(1 << FIRST_TILE_BITS)) checker_of_models (
        .clk(clk), .rst(rst), .start(check_start), .model(load_slot ? model_1 : model_0),
        .layer(checked_layer), .descriptor(checked), .done(check_done), .error(check_error));

    // ---- the batch
    wire core_rst = rst || abort;
    reg counts, labelled;  // what was set when it began
    always @(posedge clk)
        if (batch_start) begin
            counts <= count_only;
            labelled <= has_labels;
        end
    wire first = model[5], together = model[8];
    wire label_put, label_full, pixel_write, pixel_image, direct_write, row_begins, row_ends,
        image_ends, in_half, first_start, first_image, first_busy, layer_load, layer_start,
        on_input, main_half, group_running, group_done;
    reg all_counted;
    wire [6:0] image_row;
    wire [7:0] image_beat;
    wire [LANE_BITS-1:0] in_lane;
    wire [2:0] group_images;
    wire windows_busy, tiles_busy, sums_under_way, results_busy;
    batch_control #(.LANES(LANES), .LANE_BITS(LANE_BITS)) control (
        .clk(clk), .rst(core_rst), .batch_start(batch_start), .batch_images(batch_images),
        .has_labels(labelled), .first(first), .together(together), .image_rows(model[22:16]),
        .image_beats(model[31:24]), .layers(model[4:0]), .image_valid(image_valid),
        .image_ready(image_ready), .images_whole(images_whole), .label_put(label_put),
        .label_room(!label_full),
        .pixel_write(pixel_write), .pixel_image(pixel_image), .direct_write(direct_write),
        .image_row(image_row), .image_beat(image_beat), .row_begins(row_begins),
        .row_ends(row_ends), .image_ends(image_ends), .in_half(in_half), .in_lane(in_lane),
        .first_start(first_start), .first_image(first_image), .first_busy(first_busy),
        .layer_load(layer_load), .layer_start(layer_start), .layer(layer), .on_input(on_input),
        .main_half(main_half), .group_images(group_images),
        .array_busy(windows_busy || tiles_busy || sums_under_way), .group_running(group_running),
        .group_done(group_done), .all_counted(all_counted), .active(active));

    reg [255:0] current;  // the layer's descriptor
    always @(posedge clk) if (layer_load) current <= descriptor;
    wire logits = current[0], pool = current[1], bytes = current[2];
    wire [6:0] out_rows = current[70:64], out_columns = current[78:72];
    wire [RING_BITS:0] window_words = current[153:144];
    wire [TILE_BITS:0] tiles = current[181:176];
    wire [6:0] last_channels = current[206:200];

    // ---- first layer
    wire first_out, first_row_end;
    wire [T-1:0] first_bits;
    wire [6:0] first_count;
    first_layer #(.T(T), .TILE_BITS(FIRST_TILE_BITS), .START_BITS(START_BITS)) first_unit (
        .clk(clk), .rst(core_rst), .bytes(model[7]), .quad(model[6]), .tiles(model[13:10]),
        .last_channels(model[38:32]), .out_rows(model[44:40]), .out_columns(model[52:48]),
        .tile(first_tile), .parameters(first_parameters), .pixel_write(pixel_write),
        .pixel_image(pixel_image), .pixel_row(image_row[4:0]), .pixel_beat(image_beat[1:0]),
        .pixel_data(image_data), .start(first_start), .image(first_image), .busy(first_busy),
        .out_valid(first_out), .out_bits(first_bits), .out_count(first_count),
        .out_row_end(first_row_end));
    wire first_write, first_parity;
    wire [INDEX_BITS-1:0] first_index;
    wire [63:0] first_data;
    // The unit begins an image while the last bits of the one before are still being written.
    reg [5:0] first_start_d;
    reg first_half;
    reg [LANE_BITS-1:0] first_lane;
    always @(posedge clk) begin
        first_start_d <= {first_start_d[4:0], first_start};
        if (first_start_d[5]) begin
            first_half <= in_half;
            first_lane <= in_lane;
        end
    end
    map_writer #(.WIDTH(T), .INDEX_BITS(INDEX_BITS)) first_writer (
        .clk(clk), .start(first_start_d[5]), .row_words(model[64 +: INDEX_BITS-1]),
        .half(first_half),
        .valid(first_out), .bits(first_bits), .count(first_count), .row_end(first_row_end),
        .write(first_write), .parity(first_parity), .index(first_index), .data(first_data));

    // ---- images that come as their own first map
    reg [INDEX_BITS-2:0] direct_row, direct_word;
    wire [INDEX_BITS-2:0] direct_at = row_begins ? direct_row : direct_word;
    always @(posedge clk) begin
        if (batch_start) direct_row <= {(INDEX_BITS-1){1'b0}};
        else if (direct_write) begin
            direct_word <= direct_at + 1'b1;
            if (row_ends) begin
                if (image_ends) direct_row <= {(INDEX_BITS-1){1'b0}};
                else if (image_row[0]) direct_row <= direct_row + model[64 +: INDEX_BITS-1];
            end
        end
    end
    reg input_write, input_parity;
    reg [LANE_BITS-1:0] input_lane;
    reg [INDEX_BITS-1:0] input_index;
    reg [63:0] input_data;
    always @(posedge clk) begin
        input_write <= first ? first_write : direct_write;
        input_lane <= first ? first_lane : in_lane;
        input_parity <= first ? first_parity : image_row[0];
        input_index <= first ? first_index : {in_half, direct_at};
        input_data <= first ? first_data : image_data;
    end

    // ---- windows
    wire [INDEX_BITS-1:0] read_index_0, read_index_1;
    wire [5:0] shift_0, shift_1;
    wire [63:0] odd_0, odd_1, mask_0, mask_1;
    wire begin_word, word_write, window_ready, window_done;
    wire [RING_BITS-1:0] word_index, ring_index;
    // Of the maps between layers one half is read and the other written. A layer begins while the
    // last bits of the one before are still being written.
    reg work_half, map_half;
    reg [INDEX_BITS-2:0] map_row_words;
    reg [3:0] map_start_d;
    window_control #(.INDEX_BITS(INDEX_BITS), .RING_BITS(RING_BITS),
                     .PROGRAM_BITS(PROGRAM_BITS)) windows (
        .clk(clk), .rst(core_rst), .start(layer_start), .busy(windows_busy), .pool(pool),
        .in_rows(current[22:16]), .row_bits(current[38:24]), .step_bits(current[54:40]),
        .pad(current[13:8]), .pad_bits(current[94:80]), .out_rows(out_rows),
        .out_columns(out_columns), .row_words(current[96 +: INDEX_BITS-1]),
        .half(on_input ? main_half : work_half), .program_base(current[112 +: PROGRAM_BITS]),
        .program_length(current[136:128]), .window_words(window_words),
        .ring_words(together ? 10'd1 << LANE_RING_BITS : 10'd1 << RING_BITS),
        .program_index(program_index), .program_entry(program_entry),
        .read_index_0(read_index_0), .read_index_1(read_index_1), .odd_0(odd_0),
        .odd_1(odd_1), .shift_0(shift_0),
        .shift_1(shift_1), .mask_0(mask_0), .mask_1(mask_1), .begin_word(begin_word),
        .word_write(word_write), .word_index(word_index), .window_ready(window_ready),
        .window_done(window_done));

    // ---- tiles
    wire silent, tile_first, tile_twice, tile_end, last_tile, tile_row_end;
    wire [2:0] plane;
    wire [TILE_BITS-1:0] tile;
    wire [1:0] quarter;
    tile_sequencer #(.RING_BITS(RING_BITS), .ROW_BITS(ROW_BITS), .TILE_BITS(TILE_BITS),
                     .LIMIT_BITS(LIMIT_BITS)) sequencer (
        .clk(clk), .rst(core_rst), .start(layer_start), .busy(tiles_busy), .bytes(bytes),
        .pool(pool), .logits(logits), .out_rows(out_rows), .out_columns(out_columns),
        .words(window_words), .tail_words(current[5:4]), .tiles(tiles),
        .weight_base(current[160 +: ROW_BITS]), .limit_base(current[192 +: LIMIT_BITS]),
        .window_ready(window_ready), .window_done(window_done), .weight_row(weight_row),
        .ring_index(ring_index), .silent(silent), .plane(plane), .first(tile_first),
        .twice(tile_twice), .tile_end(tile_end), .tile(tile), .limit_row(limit_row),
        .quarter(quarter), .last_tile(last_tile), .row_end(tile_row_end),
        .results_busy(results_busy));

    // With the clock in which the sequencer's registers show a word: 2 later its data are there,
    // 4 more and its sums; limits are wanted 3 after the data.
    reg [1:0] first_d, twice_d;
    reg [2:0] plane_1;
    reg silent_1;
    reg [5:0] end_d, last_d, row_end_d;
    // When this falls, the last signs are taken before a next layer can be loaded.
    assign sums_under_way = tile_end || end_d[3:0] != 4'd0;
    reg [TILE_BITS-1:0] tile_d [0:5];
    reg [1:0] quarter_d [0:5];
    integer i;
    always @(posedge clk) begin
        first_d <= {first_d[0], tile_first};
        twice_d <= {twice_d[0], tile_twice};
        plane_1 <= plane;
        silent_1 <= silent;
        end_d <= core_rst ? 6'd0 : {end_d[4:0], tile_end};
        last_d <= {last_d[4:0], last_tile};
        row_end_d <= {row_end_d[4:0], tile_row_end};
        tile_d[0] <= tile;
        quarter_d[0] <= quarter;
        limit_d[0] <= limit_row;
        for (i = 1; i < 4; i = i + 1) limit_d[i] <= limit_d[i-1];
        for (i = 1; i < 6; i = i + 1) begin
            tile_d[i] <= tile_d[i-1];
            quarter_d[i] <= quarter_d[i-1];
        end
    end

    // ---- lanes: maps, windows, and what the array sees
    wire [64*LANES-1:0] lane_data;
    genvar l;
    wire [LANES-1:0] map_write;
    wire map_parity;
    wire [INDEX_BITS-1:0] map_index;
    wire [64*LANES-1:0] map_words;
    generate
        for (l = 0; l < LANES; l = l + 1) begin : lane
            localparam integer INDEX = l == 0 ? INDEX_BITS : LANE_INDEX_BITS;
            localparam integer RING = l == 0 ? RING_BITS : LANE_RING_BITS;
            wire [63:0] input_even_0, input_odd_0, input_even_1, input_odd_1;
            wire [63:0] work_even_0, work_odd_0, work_even_1, work_odd_1;
            map_memory #(.INDEX_BITS(INDEX)) input_maps (
                .clk(clk), .write(input_write && input_lane == l), .write_parity(input_parity),
                .write_index({input_index[INDEX_BITS-1], input_index[INDEX-2:0]}),
                .write_data(input_data),
                .read_index_0({read_index_0[INDEX_BITS-1], read_index_0[INDEX-2:0]}),
                .read_index_1({read_index_1[INDEX_BITS-1], read_index_1[INDEX-2:0]}),
                .even_word_0(input_even_0), .odd_word_0(input_odd_0), .even_word_1(input_even_1),
                .odd_word_1(input_odd_1));
            map_memory #(.INDEX_BITS(INDEX)) work_maps (
                .clk(clk), .write(map_write[l]), .write_parity(map_parity),
                .write_index({map_index[INDEX_BITS-1], map_index[INDEX-2:0]}),
                .write_data(map_words[64*l +: 64]),
                .read_index_0({read_index_0[INDEX_BITS-1], read_index_0[INDEX-2:0]}),
                .read_index_1({read_index_1[INDEX_BITS-1], read_index_1[INDEX-2:0]}),
                .even_word_0(work_even_0), .odd_word_0(work_odd_0), .even_word_1(work_even_1),
                .odd_word_1(work_odd_1));
            wire [63:0] word;
            // One choice of four for each bit: which maps, which of two words.
            reg [63:0] row_0, row_1;
            always @(posedge clk) begin
                row_0 <= on_input ? (odd_0 & input_odd_0) | (~odd_0 & input_even_0)
                                  : (odd_0 & work_odd_0) | (~odd_0 & work_even_0);
                row_1 <= on_input ? (odd_1 & input_odd_1) | (~odd_1 & input_even_1)
                                  : (odd_1 & work_odd_1) | (~odd_1 & work_even_1);
            end
            window_lane gather (
                .clk(clk), .row_data_0(row_0), .row_data_1(row_1), .shift_0(shift_0),
                .shift_1(shift_1), .mask_0(mask_0), .mask_1(mask_1), .begin_word(begin_word),
                .word(word));
            reg [63:0] ring [0:(1 << RING)-1];
            reg [63:0] at_ring, seen;
            wire [63:0] one_bit;
            genvar k;
            for (k = 0; k < 64; k = k + 1) begin : bit_of_byte
                if (k % 8 == 0) begin : lowest
                    assign one_bit[k] = at_ring[{k[5:3], plane_1}];
                end else begin : other
                    assign one_bit[k] = 1'b0;
                end
            end
            always @(posedge clk) begin
                if (word_write) ring[word_index[RING-1:0]] <= word;
                at_ring <= ring[ring_index[RING-1:0]];
                seen <= silent_1 ? 64'd0 : bytes ? one_bit : at_ring;
            end
            assign lane_data[64*l +: 64] = seen;
        end
    endgenerate

    // ---- sums
    wire [SUM_BITS*P-1:0] sums, starts;
    wire [P-1:0] odds;
    reg [P-1:0] odds_1;
    genvar p;
    generate
        for (p = 0; p < P; p = p + 1) begin : limit
            assign starts[SUM_BITS*p +: SUM_BITS] = limits[(SUM_BITS+1)*p +: SUM_BITS];
            assign odds[p] = limits[(SUM_BITS+1)*p + SUM_BITS];
        end
    endgenerate
    pe_array #(.P(P), .LANES(LANES), .SUM_BITS(SUM_BITS)) array (
        .clk(clk), .together(together), .data(lane_data), .weights(weights), .first(first_d[1]),
        .twice(twice_d[1]), .starts(starts), .sums(sums));

    // ---- signs, pooled
    wire [P-1:0] minus;
    generate
        for (p = 0; p < P; p = p + 1) begin : sign
            assign minus[p] = sums[SUM_BITS*p + SUM_BITS - 1] ^ !bytes;
        end
    endgenerate
    reg [P-1:0] pools [0:(1 << TILE_BITS)-1];
    wire sum_end = end_d[5];
    wire [P-1:0] pooled = quarter_d[5] == 2'd0 ? minus : pools[tile_d[5]] & minus;
    reg emit, emit_row_end;
    reg [P-1:0] emit_bits;
    reg [6:0] emit_count, first_lane_count;
    always @(posedge clk) begin
        if (sum_end) pools[tile_d[5]] <= pooled;
        emit <= !core_rst && sum_end && !logits && (!pool || quarter_d[5] == 2'd3);
        emit_bits <= pool ? pooled : minus;
        emit_row_end <= row_end_d[5];
        emit_count <= last_d[5] ? last_channels : PER_LANE[6:0];
        first_lane_count <= last_d[5] ? last_channels
                            : together ? PER_LANE[6:0] : P[6:0];
        odds_1 <= odds;
        if (layer_start) work_half <= on_input ? 1'b1 : !work_half;
        map_start_d <= {map_start_d[2:0], layer_start};
        if (map_start_d[3]) begin  // the next layer's descriptor is shown until that begins
            map_half <= !work_half;
            map_row_words <= descriptor[104:96];
        end
    end
    wire [LANES-1:0] lane_parity;
    wire [INDEX_BITS*LANES-1:0] lane_index;
    generate
        for (l = 0; l < LANES; l = l + 1) begin : out_lane
            localparam integer WIDTH = l == 0 ? P : PER_LANE;
            map_writer #(.WIDTH(WIDTH), .INDEX_BITS(INDEX_BITS)) writer (
                .clk(clk), .start(map_start_d[3]), .row_words(map_row_words), .half(map_half),
                .valid(emit), .bits(emit_bits[PER_LANE*l +: WIDTH]),
                .count(l == 0 ? first_lane_count : emit_count),
                .row_end(emit_row_end), .write(map_write[l]), .parity(lane_parity[l]),
                .index(lane_index[INDEX_BITS*l +: INDEX_BITS]), .data(map_words[64*l +: 64]));
        end
    endgenerate
    assign map_parity = lane_parity[0];
    assign map_index = lane_index[INDEX_BITS-1:0];

    // ---- results
    wire [7:0] label;
    wire label_taken, no_label, finished, results_wait;
    // A stream's beat stays until it is taken: the end of a batch by a reset ends its results too.
    wire abort_results = abort || (rst && in_batch && !finished);
    fifo #(.WIDTH(8), .DEPTH_BITS(5)) labels (
        .clk(clk), .rst(core_rst || batch_start), .put(label_put), .put_data(image_data[7:0]),
        .full(label_full), .take(label_taken), .head(label), .empty(no_label));
    reg batch_sound;
    assign done_images = {8'd0, images_counted};
    assign correct = {8'd0, images_correct};
    always @(posedge clk) all_counted <= images_counted == batch_images;
    result_unit #(.P(P), .LANES(LANES), .SUM_BITS(SUM_BITS)) results (
        .clk(clk), .rst(hard_rst), .abort(abort_results), .batch_start(batch_start),
        .count_only(counts), .waiting(results_wait),
        .has_labels(labelled), .take(sum_end && logits), .take_ends(last_d[5]), .sums(sums),
        .odds(odds_1),
        .channels(last_d[5] ? {1'b0, last_channels} : together ? PER_LANE[7:0] : P[7:0]),
        .images(together ? group_images : 3'd1), .busy(results_busy), .label(label),
        .label_taken(label_taken), .done_images(images_counted),
        .correct(images_correct),
        .batch_end(batch_sound && all_counted), .finished(finished),
        .out_data(out_data), .out_last(out_last), .out_valid(out_valid), .out_ready(out_ready));

    // ---- time, and the end of what goes wrong
    reg [31:0] group_clocks;
    wire expired = group_running && !results_busy && group_clocks >= watchdog_clocks;
    always @(posedge clk) begin
        error <= stream_error || expired;
        if (stream_error) error_code <= stream_error_code;
        else if (expired) error_code <= WATCHDOG;
        abort <= !rst && ((stream_error && error_in_batch && in_batch) || expired);
        batch_finished <= finished;
        busy <= in_batch || results_wait;
        if (rst || abort) begin
            in_batch <= 1'b0;
            batch_sound <= 1'b0;
        end else begin
            if (batch_start) begin
                in_batch <= 1'b1;
                batch_sound <= 1'b0;
                clocks <= 32'd0;
                stall_in <= 32'd0;
                stall_out <= 32'd0;
            end else begin
                if (batch_complete) batch_sound <= 1'b1;
                if (finished) in_batch <= 1'b0;
                if (in_batch) clocks <= clocks + 32'd1;
                if (in_batch && !batch_sound && !in_valid && in_ready) stall_in <= stall_in + 32'd1;
                if (in_batch && out_valid && !out_ready) stall_out <= stall_out + 32'd1;
            end
        end
        if (rst || !group_running) group_clocks <= 32'd0;
        else if (!results_busy) group_clocks <= group_clocks + 32'd1;
    end
endmodule

`default_nettype wire
