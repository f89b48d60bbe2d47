// SPDX-License-Identifier: Apache-2.0
// What the processing elements do: for each window, for each tile of channels, word after word.
//
// A layer on bytes is counted bit by bit, from the highest down: the sum is doubled between bits,
// and what can not be doubled, the low bits of the limit, follows in tail words.
// Law of the file: one word a clock as long as there are windows; it stops for nothing but the
// results of the image before, and once at the end of each row of the map.
`default_nettype none

module tile_sequencer #(
    parameter integer RING_BITS = 9,
    parameter integer ROW_BITS = 10,      // of the weights' rows
    parameter integer TILE_BITS = 5,
    parameter integer LIMIT_BITS = 6      // of the limits' rows
) (
    input  wire                  clk,
    input  wire                  rst,
    input  wire                  start,
    output reg                   busy,
    // The layer; stable while busy.
    input  wire                  bytes,
    input  wire                  pool,
    input  wire                  logits,
    input  wire [6:0]            out_rows,
    input  wire [6:0]            out_columns,
    input  wire [RING_BITS:0]    words,
    input  wire [1:0]            tail_words,
    input  wire [TILE_BITS:0]    tiles,
    input  wire [ROW_BITS-1:0]   weight_base,
    input  wire [LIMIT_BITS-1:0] limit_base,
    // Windows.
    input  wire                  window_ready,
    output reg                   window_done,
    // To the memories; what they give is ready two clocks later.
    output reg  [ROW_BITS-1:0]   weight_row,
    output reg  [RING_BITS-1:0]  ring_index,
    output reg                   silent,       // a tail word: the data are zero
    output reg  [2:0]            plane,
    output reg                   first,
    output reg                   twice,
    // Of a tile, with its last word.
    output reg                   tile_end,
    output reg  [TILE_BITS-1:0]  tile,
    output reg  [LIMIT_BITS-1:0] limit_row,    // with its first word
    output reg  [1:0]            quarter,
    output reg                   last_tile,
    output reg                   row_end,
    input  wire                  results_busy
);
    reg [RING_BITS:0] ready;            // windows
    reg [6:0] row, column;
    reg [1:0] quarter_now;
    reg [TILE_BITS-1:0] tile_now;
    reg [2:0] plane_now;
    reg in_tail;
    reg [RING_BITS:0] word, words_left; // of a window's
    reg [ROW_BITS-1:0] tile_row;
    reg [RING_BITS-1:0] window_base;
    reg pause;                          // after a row
    reg waiting;                        // a tile of logits is on its way to the results

    // Stable while busy; known when the layer starts.
    reg [RING_BITS:0] final_word;
    reg [TILE_BITS-1:0] tile_before_last;
    reg [6:0] last_of_rows, column_before_last;
    reg [ROW_BITS-1:0] tile_rows;
    reg no_tail;
    wire one_word = words == 1, one_tail = tail_words == 2'd1, one_tile = tiles == 1;
    wire one_column = out_columns == 7'd1;
    always @(posedge clk) begin
        final_word <= words - 1'b1;
        tile_before_last <= tiles[TILE_BITS-1:0] - 2'd2;
        column_before_last <= out_columns - 7'd2;
        last_of_rows <= out_rows - 7'd1;
        no_tail <= tail_words == 2'd0;
        tile_rows <= words[ROW_BITS-1:0] + {{ROW_BITS-2{1'b0}}, tail_words};
    end

    // What the counters say is known with them.
    reg word_zero, tile_zero;           // word == 0, tile_now == 0
    reg none_ready;                     // ready == 0
    reg at_start;                       // of a tile
    reg last_word, last_plane, final_tile, last_quarter, last_column, last_row;
    wire blocked = pause || (at_start && ((tile_zero && none_ready)
                                          || (logits && (results_busy || waiting))));
    wire issue = busy && !blocked;
    wire ends_tile = last_word && (in_tail || (last_plane && no_tail));
    wire tail_begins = last_plane && !in_tail && !no_tail;
    wire ends_row = last_quarter && last_column;

    always @(posedge clk) begin
        window_done <= 1'b0;
        tile_end <= 1'b0;
        pause <= 1'b0;
        last_row <= row == last_of_rows;  // after a row is a pause
        if (rst) begin
            busy <= 1'b0;
            ready <= 0;
            none_ready <= 1'b1;
            waiting <= 1'b0;
        end else if (start) begin
            busy <= 1'b1;
            ready <= 0;
            none_ready <= 1'b1;
            waiting <= 1'b0;
            row <= 7'd0;
            column <= 7'd0;
            quarter_now <= 2'd0;
            last_quarter <= !pool;
            tile_now <= 0;
            plane_now <= 3'd7;
            last_plane <= !bytes;
            in_tail <= 1'b0;
            word <= 0;
            words_left <= words - 1'b1;
            word_zero <= 1'b1;
            tile_zero <= 1'b1;
            at_start <= 1'b1;
            last_word <= one_word;
            final_tile <= one_tile;
            last_column <= one_column;
            tile_row <= weight_base;
            window_base <= 0;
        end else begin
            ready <= ready + window_ready - (issue && ends_tile && final_tile);
            none_ready <= !window_ready
                          && (issue && ends_tile && final_tile ? ready == 1 : ready == 0);
            if (results_busy) waiting <= 1'b0;
            if (issue) begin
                word <= last_word ? 0 : word + 1'b1;
                words_left <= last_word ? final_word : words_left - 1'b1;
                word_zero <= last_word;
                at_start <= ends_tile;
                last_word <= last_word ? (tail_begins ? one_tail : one_word)
                             : in_tail ? word[0] + 2'd2 == tail_words : words_left == 1;
                if (last_word) begin
                    if (!in_tail && !last_plane) begin
                        plane_now <= plane_now - 3'd1;
                        last_plane <= plane_now == 3'd1;
                    end
                    if (!in_tail && last_plane) begin
                        plane_now <= 3'd7;
                        last_plane <= !bytes;
                        in_tail <= tail_begins;
                    end
                    if (in_tail) in_tail <= 1'b0;
                end
                if (ends_tile) begin
                    tile_end <= 1'b1;
                    waiting <= logits;
                    tile_zero <= final_tile;
                    final_tile <= final_tile ? one_tile : tile_now == tile_before_last;
                    tile_now <= final_tile ? 0 : tile_now + 1'b1;
                    tile_row <= final_tile ? weight_base : tile_row + tile_rows;
                    if (final_tile) begin
                        window_done <= 1'b1;
                        window_base <= window_base + words[RING_BITS-1:0];
                        quarter_now <= last_quarter ? 2'd0 : quarter_now + 2'd1;
                        last_quarter <= !pool || quarter_now == 2'd2;
                        if (last_quarter) begin
                            last_column <= last_column ? one_column
                                           : column == column_before_last;
                            column <= last_column ? 7'd0 : column + 7'd1;
                            if (last_column) begin
                                pause <= 1'b1;
                                row <= row + 7'd1;
                                if (last_row) busy <= 1'b0;
                            end
                        end
                    end
                end
            end
        end
    end

    always @(posedge clk) begin
        weight_row <= tile_row + word[ROW_BITS-1:0]
                      + (in_tail ? words[ROW_BITS-1:0] : {ROW_BITS{1'b0}});
        ring_index <= window_base + word[RING_BITS-1:0];
        silent <= in_tail;
        plane <= plane_now;
        first <= at_start;
        twice <= word_zero && !in_tail && !at_start;
        tile <= tile_now;
        limit_row <= limit_base + {{LIMIT_BITS-TILE_BITS{1'b0}}, tile_now};
        quarter <= quarter_now;
        last_tile <= final_tile;
        row_end <= ends_row && final_tile;
    end
endmodule

`default_nettype wire
