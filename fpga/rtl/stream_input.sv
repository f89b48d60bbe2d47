// SPDX-License-Identifier: Apache-2.0
// Packets from the DMA: a model for one of two slots, or images to classify.
//
// Two beats of header {magic, kind, slot} {payload beats, images}; the payload; one beat with the
// CRC-32 of all before it, which carries TLAST. A model's payload is a row of commands {target,
// address, count}, each followed by its beats; images are rows of beats, the label's beat first.
// Law of the file: whatever is wrong ends in an error code, once, and in the wait for TLAST; a
// model becomes valid with its last beat, or not at all.
`default_nettype none

module stream_input #(
    parameter integer P = 32,
    parameter integer T = 32,
    parameter integer ROW_BITS = 10,
    parameter integer LIMIT_BITS = 5,
    parameter integer PROGRAM_BITS = 8,
    parameter integer TILE_BITS = 3
) (
    input  wire        clk,
    input  wire        rst,
    input  wire [63:0] in_data,
    input  wire        in_last,
    input  wire        in_valid,
    output wire        in_ready,
    // Slots.
    input  wire [1:0]  drop,          // forget a slot's model
    input  wire        run_slot,      // of the next batch
    output reg         batch_slot,    // of the batch that runs
    input  wire        running,
    output reg  [1:0]  slot_valid,
    // Writes of a model: address within the target, slot included.
    output reg         write,
    output reg  [2:0]  write_target,
    output reg  [23:0] write_address,
    output reg  [63:0] write_data,
    output reg         load_slot,
    output reg         check_start,   // the descriptors of load_slot are in
    input  wire        check_done,
    input  wire [7:0]  check_error,   // 0 for none
    // Images.
    output reg         batch_start,
    output reg  [23:0] batch_images,
    output wire        image_valid,
    output wire [63:0] image_data,
    input  wire        image_ready,
    input  wire        images_whole,  // as many as the header said have come
    input  wire        cancel,        // the batch has failed elsewhere: its packet is drained
    output reg         batch_complete, // all beats are in, and sound
    // Errors.
    output reg         error,
    output reg         error_in_batch, // it is the batch's, not that of a model or a header
    output reg  [7:0]  error_code,
    output reg  [31:0] crc_value
);
    localparam [31:0] MAGIC = 32'h314E4E42;  // "BNN1"
    localparam [7:0] KIND_MODEL = 8'd1, KIND_IMAGES = 8'd2;
    localparam [7:0] BAD_MAGIC = 8'd1, BAD_KIND = 8'd2, BAD_LENGTH = 8'd3, BAD_CRC = 8'd4,
        BAD_TARGET = 8'd5, BAD_ADDRESS = 8'd6, ROWS_TAKEN = 8'd7, SLOT_RUNNING = 8'd8,
        NO_MODEL = 8'd9, NO_LAST = 8'd10;
    localparam [4:0] IDLE = 5'd0, SIZES = 5'd1, COMMAND = 5'd2, CONTENT = 5'd3, IMAGES = 5'd4,
        TRAILER = 5'd5, SETTLE = 5'd6, COMPARE = 5'd7, CHECK = 5'd8, DRAIN = 5'd9,
        RANGE = 5'd10, JUDGE = 5'd11, ACCEPT = 5'd12, HEADER = 5'd13, SIZED = 5'd14,
        OPEN = 5'd15, STARTED = 5'd16;
    localparam integer PE_BITS = $clog2(P), TREE_BITS = $clog2(T);

    reg [4:0] state;
    reg is_model;
    reg [23:0] beats_left, count_left;
    reg one_beat_left, one_of_command;
    reg [2:0] target;
    reg [23:0] address;
    reg [31:0] trailer;
    reg unlike;  // trailer and CRC
    reg next_slot;
    reg not_ours, of_no_kind, empty;  // the header
    reg vast;                         // it, or a command
    reg crc_valid, crc_first;
    wire crc_busy;
    reg [63:0] crc_data;
    wire [31:0] crc;
    // Rows of weights that a slot's model may be using.
    reg [ROW_BITS:0] first_row [0:1];
    reg [ROW_BITS:0] end_row [0:1];

    wire take = in_valid && in_ready;
    assign in_ready = state == IMAGES ? image_ready
                    : state == SIZES ? is_model || !running  // one batch after the other
                    : state == IDLE || state == COMMAND || state == CONTENT || state == TRAILER
                      || state == DRAIN;
    assign image_valid = state == IMAGES && in_valid;
    assign image_data = in_data;

    crc32 check (.clk(clk), .first(crc_first), .valid(crc_valid), .data(crc_data),
                 .busy(crc_busy), .value(crc));

    // What a target takes: so many addresses.
    function [24:0] size_of(input [2:0] which);
        case (which)
            3'd1: size_of = 25'd64;                                 // layers: 16 of 4 beats
            3'd2: size_of = 25'd2 << PROGRAM_BITS;                  // program: 2 beats an entry
            3'd3: size_of = 25'd1 << (LIMIT_BITS + PE_BITS);        // limits
            3'd4: size_of = 25'd1 << (ROW_BITS + PE_BITS);          // weights
            3'd5: size_of = 25'd1 << (TILE_BITS + TREE_BITS);       // first layer
            3'd6: size_of = 25'd2;                                  // the model itself
            default: size_of = 25'd0;
        endcase
    endfunction
    // A command is looked at in three clocks after it came, while no beat is taken.
    reg strange, ended, outside, overlaps, too_long;
    wire [24:0] end_address = {1'b0, address} + {1'b0, count_left};
    reg [24:0] end_taken;
    // What is not outside has no more bits than these.
    wire [ROW_BITS+PE_BITS:0] end_rounded = end_taken[ROW_BITS+PE_BITS:0] + P - 1;
    wire [ROW_BITS:0] new_end_row = end_rounded[ROW_BITS+PE_BITS:PE_BITS];
    wire [ROW_BITS:0] new_row = {1'b0, address[PE_BITS +: ROW_BITS]};
    wire other = !load_slot;
    wire other_in_use = slot_valid[other] || (running && batch_slot == other);

    always @(posedge clk) begin
        write <= 1'b0;
        check_start <= 1'b0;
        batch_start <= 1'b0;
        batch_complete <= 1'b0;
        error <= 1'b0;
        error_in_batch <= !is_model && (state == IMAGES || state == TRAILER || state == COMPARE);
        crc_valid <= take && state != TRAILER && state != DRAIN;
        crc_first <= state == IDLE;
        crc_data <= in_data;
        unlike <= crc != trailer;
        if (rst) begin
            state <= IDLE;
            slot_valid <= 2'b00;
            batch_slot <= 1'b0;
            crc_valid <= 1'b0;
        end else begin
            slot_valid <= slot_valid & ~drop;
            if (cancel && !is_model && (state == IMAGES || state == TRAILER))
                state <= take && in_last ? IDLE : DRAIN;
            // All that wait for a beat, but SIZES and IMAGES, are always ready for it.
            else case (state)
                IDLE: if (in_valid) begin
                    not_ours <= in_data[31:0] != MAGIC;
                    is_model <= in_data[39:32] == KIND_MODEL;
                    of_no_kind <= in_data[39:32] != KIND_MODEL && in_data[39:32] != KIND_IMAGES;
                    load_slot <= in_data[40];
                    next_slot <= run_slot;
                    ended <= in_last;
                    state <= HEADER;
                end
                HEADER: begin
                    if (not_ours) refuse(BAD_MAGIC);
                    else if (of_no_kind) refuse(BAD_KIND);
                    else if (ended) refuse(BAD_LENGTH);
                    else if (is_model && running && load_slot == batch_slot) refuse(SLOT_RUNNING);
                    else if (!is_model && !slot_valid[next_slot]) refuse(NO_MODEL);
                    else begin
                        state <= SIZES;
                        if (is_model) slot_valid[load_slot] <= 1'b0;
                    end
                end
                SIZES: if (take) begin
                    beats_left <= in_data[23:0];
                    vast <= in_data[31:24] != 8'd0 || (!is_model && in_data[63:56] != 8'd0);
                    if (!is_model) begin
                        batch_images <= in_data[55:32];
                        batch_slot <= next_slot;
                    end else begin
                        first_row[load_slot] <= {(ROW_BITS+1){1'b1}};
                        end_row[load_slot] <= 0;
                    end
                    ended <= in_last;
                    state <= SIZED;
                end
                SIZED: begin
                    one_beat_left <= beats_left == 24'd1;
                    empty <= beats_left == 24'd0 || (!is_model && batch_images == 24'd0);
                    state <= OPEN;
                end
                OPEN: begin
                    if (ended || empty || vast) refuse(BAD_LENGTH);
                    else begin
                        state <= is_model ? COMMAND : STARTED;
                        batch_start <= !is_model;
                    end
                end
                STARTED: state <= IMAGES;
                COMMAND: if (in_valid) begin
                    beats_left <= beats_left - 24'd1;
                    one_beat_left <= beats_left == 24'd2;
                    target <= in_data[2:0];
                    address <= in_data[31:8];
                    count_left <= in_data[55:32];
                    vast <= in_data[63:56] != 8'd0;
                    strange <= in_data[7:3] != 5'd0;
                    ended <= in_last;
                    state <= RANGE;
                end
                RANGE: begin
                    if (size_of(target) == 25'd0) strange <= 1'b1;
                    end_taken <= end_address;
                    one_of_command <= count_left == 24'd1;
                    too_long <= count_left > beats_left;
                    state <= JUDGE;
                end
                JUDGE: begin
                    outside <= vast || count_left == 24'd0 || end_taken > size_of(target);
                    overlaps <= target == 3'd4 && other_in_use && new_row < end_row[other]
                                && new_end_row > first_row[other];
                    state <= ACCEPT;
                end
                ACCEPT: begin
                    if (ended) refuse(BAD_LENGTH);
                    else if (strange) refuse(BAD_TARGET);
                    else if (outside) refuse(BAD_ADDRESS);
                    else if (overlaps) refuse(ROWS_TAKEN);
                    else if (too_long) refuse(BAD_LENGTH);
                    else begin
                        state <= CONTENT;
                        if (target == 3'd4) begin
                            if (new_row < first_row[load_slot]) first_row[load_slot] <= new_row;
                            if (new_end_row > end_row[load_slot])
                                end_row[load_slot] <= new_end_row;
                        end
                    end
                end
                CONTENT: if (in_valid) begin
                    write <= 1'b1;
                    write_target <= target;
                    write_address <= address;
                    write_data <= in_data;
                    address[15:0] <= address[15:0] + 16'd1;  // what is not outside has no more
                    beats_left <= beats_left - 24'd1;
                    one_beat_left <= beats_left == 24'd2;
                    count_left <= count_left - 24'd1;
                    one_of_command <= count_left == 24'd2;
                    if (in_last) fail(BAD_LENGTH);
                    else if (one_beat_left) state <= TRAILER;
                    else if (one_of_command) state <= COMMAND;
                end
                IMAGES: if (images_whole) begin
                    if (in_valid) begin  // nobody takes what is too much
                        error <= 1'b1;
                        error_code <= BAD_LENGTH;
                        state <= DRAIN;
                    end
                end else if (take) begin
                    beats_left <= beats_left - 24'd1;
                    one_beat_left <= beats_left == 24'd2;
                    if (in_last) fail(BAD_LENGTH);
                    else if (one_beat_left) state <= TRAILER;
                end
                TRAILER: if (in_valid) begin
                    trailer <= in_data[31:0];
                    if (!in_last) fail(NO_LAST);
                    else state <= SETTLE;
                end
                SETTLE: if (!crc_valid && !crc_busy) state <= COMPARE;
                COMPARE: begin
                    crc_value <= crc;
                    if (unlike) begin
                        error <= 1'b1;
                        error_code <= BAD_CRC;
                        state <= IDLE;
                    end else if (is_model) begin
                        check_start <= 1'b1;
                        state <= CHECK;
                    end else if (!images_whole) begin
                        error <= 1'b1;
                        error_code <= BAD_LENGTH;
                        state <= IDLE;
                    end else begin
                        batch_complete <= 1'b1;
                        state <= IDLE;
                    end
                end
                CHECK: if (check_done) begin
                    state <= IDLE;
                    if (check_error != 8'd0) begin
                        error <= 1'b1;
                        error_code <= check_error;
                    end else slot_valid[load_slot] <= 1'b1;
                end
                default: if (in_valid && in_last) state <= IDLE;  // DRAIN
            endcase
        end
    end

    // A beat is wrong.
    task fail(input [7:0] code);
        begin
            error <= 1'b1;
            error_code <= code;
            state <= in_last ? IDLE : DRAIN;
        end
    endtask

    // The same for one that was looked at later.
    task refuse(input [7:0] code);
        begin
            error <= 1'b1;
            error_code <= code;
            state <= ended ? IDLE : DRAIN;
        end
    endtask
endmodule

`default_nettype wire
