// SPDX-License-Identifier: Apache-2.0
// Window fetching, control: walks a layer's places and runs its word program at each.
//
// A window is what one output sees: rows of the map below the kernel, joined to one bit string and
// cut into words of 64. The word program says, word by word, which bits of which row go where; each
// of its entries brings up to two pieces, from rows of unlike parity. What lies outside of the map
// is 0, the law's +1.
// Law of the file: a window is fetched once there is room for all of its words; it never waits in
// the middle, so it is ready when from then on a word a clock can be read.
`default_nettype none

module window_control #(
    parameter integer INDEX_BITS = 10,
    parameter integer RING_BITS = 9,
    parameter integer PROGRAM_BITS = 9
) (
    input  wire                    clk,
    input  wire                    rst,
    input  wire                    start,
    output reg                     busy,       // windows are still to be issued
    // The layer; stable while busy.
    input  wire                    pool,
    input  wire [6:0]              in_rows,
    input  wire [14:0]             row_bits,
    input  wire [14:0]             step_bits,
    input  wire [5:0]              pad,
    input  wire [14:0]             pad_bits,
    input  wire [6:0]              out_rows,   // of the pooled map if there is pooling
    input  wire [6:0]              out_columns,
    input  wire [INDEX_BITS-2:0]   row_words,
    input  wire                    half,       // of the map memory
    input  wire [PROGRAM_BITS-1:0] program_base,
    input  wire [PROGRAM_BITS:0]   program_length,
    input  wire [RING_BITS:0]      window_words,
    input  wire [RING_BITS:0]      ring_words, // room for windows
    // The word program.
    output reg  [PROGRAM_BITS-1:0] program_index,
    input  wire [71:0]             program_entry,  // one clock later
    // To map memory and lanes.
    output wire [INDEX_BITS-1:0]   read_index_0,
    output wire [INDEX_BITS-1:0]   read_index_1,
    output wire [63:0]             odd_0,      // with the memory's two words
    output wire [63:0]             odd_1,
    output wire [5:0]              shift_0,    // a clock later
    output wire [5:0]              shift_1,
    output wire [63:0]             mask_0,     // two more
    output wire [63:0]             mask_1,
    output reg                     begin_word,
    // To the ring of windows.
    output reg                     word_write,
    output reg  [RING_BITS-1:0]    word_index,
    output reg                     window_ready,
    input  wire                    window_done
);
    // ---- walk: one entry a clock -------------------------------------------------------------
    reg [6:0] row, column;
    reg [1:0] quarter;
    reg [PROGRAM_BITS:0] entry;
    reg [RING_BITS:0] free_words;
    reg walking, fetching;  // fetching: inside a window
    reg [14:0] column_bits;  // of the first place of a pooled pair

    wire [RING_BITS:0] released = window_done ? window_words : {(RING_BITS+1){1'b0}};
    wire room = free_words >= window_words;
    // What the counters say is known with them.
    reg last_entry, last_column, last_row;
    reg [PROGRAM_BITS:0] entry_before_last;
    reg [6:0] column_before_last, row_before_last;
    wire one_entry = program_length == 1, one_column = out_columns == 7'd1;
    wire last_quarter = !pool || quarter == 2'd3;
    wire issue = walking && (fetching || room);
    wire begins = walking && !fetching && room;
    // From this entry on the window's words come no later than they are read, one a clock.
    reg [PROGRAM_BITS:0] ready_entry;
    always @(posedge clk) begin
        ready_entry <= program_length - window_words[PROGRAM_BITS:0];
        entry_before_last <= program_length - 2'd2;
        column_before_last <= out_columns - 7'd2;
        row_before_last <= out_rows - 7'd2;
    end

    always @(posedge clk) begin
        if (rst) begin
            walking <= 1'b0;
            fetching <= 1'b0;
            busy <= 1'b0;
            free_words <= ring_words;
        end else if (start) begin
            walking <= 1'b1;
            busy <= 1'b1;
            fetching <= 1'b0;
            free_words <= ring_words;
            row <= 7'd0;
            column <= 7'd0;
            quarter <= 2'd0;
            entry <= {(PROGRAM_BITS+1){1'b0}};
            column_bits <= 15'd0;
            last_entry <= one_entry;
            last_column <= one_column;
            last_row <= out_rows == 7'd1;
        end else begin
            free_words <= free_words + released - (begins ? window_words : {(RING_BITS+1){1'b0}});
            if (issue) begin
                fetching <= !last_entry;
                last_entry <= last_entry ? one_entry : entry == entry_before_last;
                entry <= last_entry ? {(PROGRAM_BITS+1){1'b0}} : entry + 1'b1;
                if (last_entry) begin
                    quarter <= last_quarter ? 2'd0 : quarter + 2'd1;
                    if (last_quarter) begin
                        column <= last_column ? 7'd0 : column + 7'd1;
                        last_column <= last_column ? one_column : column == column_before_last;
                        column_bits <= last_column ? 15'd0
                                     : column_bits + (pool ? {step_bits[13:0], 1'b0} : step_bits);
                        if (last_column) begin
                            row <= row + 7'd1;
                            last_row <= row == row_before_last;
                        end
                        if (last_column && last_row) begin
                            walking <= 1'b0;
                            busy <= 1'b0;
                        end
                    end
                end
            end
        end
    end

    // ---- stage 1: the entry is being read ----------------------------------------------------
    reg valid_1, ready_1;
    reg signed [7:0] top_1;
    reg signed [16:0] left_1;
    wire [7:0] conv_row = pool ? {row, quarter[1]} : {1'b0, row};
    wire [15:0] conv_bits = {1'b0, column_bits} + (pool && quarter[0] ? {1'b0, step_bits} : 16'd0);
    always @(posedge clk) begin
        valid_1 <= !rst && issue;
        ready_1 <= entry == ready_entry;
        top_1 <= $signed(conv_row) - $signed({2'b00, pad});
        left_1 <= $signed({1'b0, conv_bits}) - $signed({2'b00, pad_bits});
    end
    always @* program_index = program_base + entry[PROGRAM_BITS-1:0];

    // ---- stage 2: pieces meet the banks of their rows ----------------------------------------
    // Entry: bit 71 ends a word, bit 70 begins one; piece = {dy 6, offset 16, from 6, to 7}.
    wire [34:0] piece_0 = program_entry[34:0];
    wire [34:0] piece_1 = program_entry[69:35];
    wire signed [8:0] row_0 = top_1 + $signed({3'b000, piece_0[34:29]});
    wire signed [8:0] row_1 = top_1 + $signed({3'b000, piece_1[34:29]});
    // The second piece, if any, is of the other parity.
    wire swap = row_0[0];
    wire [34:0] even_piece = swap ? piece_1 : piece_0;
    wire [34:0] odd_piece = swap ? piece_0 : piece_1;

    reg valid_2, ready_2, ends_2, begins_2;
    always @(posedge clk) begin
        valid_2 <= !rst && valid_1;
        ready_2 <= ready_1;
        ends_2 <= program_entry[71];
        begins_2 <= program_entry[70];
    end
    piece_address #(.INDEX_BITS(INDEX_BITS)) even_address (
        .clk(clk), .row(swap ? row_1 : row_0), .in_rows(in_rows), .left(left_1),
        .piece(even_piece[28:0]), .row_bits(row_bits), .row_words(row_words), .half(half),
        .index(read_index_0), .odd(odd_0), .shift(shift_0), .mask(mask_0));
    piece_address #(.INDEX_BITS(INDEX_BITS)) odd_address (
        .clk(clk), .row(swap ? row_0 : row_1), .in_rows(in_rows), .left(left_1),
        .piece(odd_piece[28:0]), .row_bits(row_bits), .row_words(row_words), .half(half),
        .index(read_index_1), .odd(odd_1), .shift(shift_1), .mask(mask_1));

    // piece_address takes three clocks to an index, the memory two, the lane three.
    reg [4:0] valid_d, ends_d, begins_d;  // [0] is with the index
    reg [3:0] ready_d;
    reg valid_3, ready_3, ends_3, begins_3;
    always @(posedge clk) begin
        valid_3 <= !rst && valid_2;
        ready_3 <= ready_2;
        ends_3 <= ends_2;
        begins_3 <= begins_2;
        valid_d <= rst ? 5'd0 : {valid_d[3:0], valid_3};
        ready_d <= {ready_d[2:0], ready_3};
        ends_d <= {ends_d[3:0], ends_3};
        begins_d <= {begins_d[3:0], begins_3};
    end
    always @* begin_word = begins_d[4];

    // ---- the ring ----------------------------------------------------------------------------
    reg [RING_BITS-1:0] next_index;
    always @(posedge clk) begin
        word_write <= !rst && valid_d[4] && ends_d[4];
        word_index <= next_index;
        window_ready <= !rst && valid_d[3] && ready_d[3];  // a clock ahead of the sequencer
        if (rst || start) next_index <= {RING_BITS{1'b0}};
        else if (valid_d[4] && ends_d[4]) next_index <= next_index + 1'b1;
    end
endmodule

`default_nettype wire
