// SPDX-License-Identifier: Apache-2.0
// For tests: window fetching as the engine has it: control, one lane, its maps, its word program.
`default_nettype none

module window_path (
    input  wire         clk,
    input  wire         rst,
    input  wire         start,
    output wire         busy,
    input  wire         pool,
    input  wire [6:0]   in_rows,
    input  wire [14:0]  row_bits,
    input  wire [14:0]  step_bits,
    input  wire [5:0]   pad,
    input  wire [14:0]  pad_bits,
    input  wire [6:0]   out_rows,
    input  wire [6:0]   out_columns,
    input  wire [8:0]   row_words,
    input  wire         half,
    input  wire [7:0]   program_base,
    input  wire [8:0]   program_length,
    input  wire [9:0]   window_words,
    input  wire         window_done,
    output wire         word_write,
    output wire [8:0]   word_index,
    output wire         window_ready,
    output wire [63:0]  word,
    input  wire         map_write,
    input  wire         map_parity,
    input  wire [9:0]   map_index,
    input  wire [63:0]  map_data,
    input  wire         entry_write,
    input  wire [7:0]   entry_index,
    input  wire [71:0]  entry
);
    reg [71:0] entries [0:255];
    reg [71:0] program_entry;
    wire [7:0] program_index;
    wire [9:0] read_index_0, read_index_1;
    wire [5:0] shift_0, shift_1;
    wire [63:0] mask_0, mask_1;
    wire [63:0] odd_0, odd_1, even_word_0, odd_word_0, even_word_1, odd_word_1;
    reg [63:0] row_0, row_1;
    wire begin_word;
    always @(posedge clk) begin
        if (entry_write) entries[entry_index] <= entry;
        program_entry <= entries[program_index];
    end
    window_control #(.INDEX_BITS(10), .RING_BITS(9), .PROGRAM_BITS(8)) control (
        .clk(clk), .rst(rst), .start(start), .busy(busy), .pool(pool), .in_rows(in_rows),
        .row_bits(row_bits), .step_bits(step_bits), .pad(pad), .pad_bits(pad_bits),
        .out_rows(out_rows), .out_columns(out_columns), .row_words(row_words), .half(half),
        .program_base(program_base), .program_length(program_length), .window_words(window_words),
        .ring_words(10'd512), .program_index(program_index), .program_entry(program_entry),
        .read_index_0(read_index_0), .read_index_1(read_index_1), .odd_0(odd_0),
        .odd_1(odd_1), .shift_0(shift_0), .shift_1(shift_1), .mask_0(mask_0), .mask_1(mask_1),
        .begin_word(begin_word),
        .word_write(word_write), .word_index(word_index), .window_ready(window_ready),
        .window_done(window_done));
    map_memory #(.INDEX_BITS(10)) maps (
        .clk(clk), .write(map_write), .write_parity(map_parity), .write_index(map_index),
        .write_data(map_data), .read_index_0(read_index_0), .read_index_1(read_index_1),
        .even_word_0(even_word_0), .odd_word_0(odd_word_0), .even_word_1(even_word_1),
        .odd_word_1(odd_word_1));
    always @(posedge clk) begin
        row_0 <= (odd_word_0 & odd_0) | (even_word_0 & ~odd_0);
        row_1 <= (odd_word_1 & odd_1) | (even_word_1 & ~odd_1);
    end
    window_lane lane (
        .clk(clk), .row_data_0(row_0), .row_data_1(row_1), .shift_0(shift_0), .shift_1(shift_1),
        .mask_0(mask_0), .mask_1(mask_1), .begin_word(begin_word), .word(word));
endmodule

`default_nettype wire
