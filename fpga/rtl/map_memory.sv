// SPDX-License-Identifier: Apache-2.0
// Activation maps of one image: two halves, one read while the other is written.
//
// A map is a bit string for each row: place by place, channel by channel, a row beginning with a
// word. Rows of one parity share a bank, so that two neighbouring rows can be read in one clock;
// words of one parity share a memory, so that 64 bits can begin anywhere.
// Law of the file: reads give words `index` and `index + 1` a clock after the request, the even one
// and the odd one apart.
`default_nettype none

module map_memory #(
    parameter integer INDEX_BITS = 10  // of a word in a row bank, its half included
) (
    input  wire                  clk,
    input  wire                  write,
    input  wire                  write_parity,
    input  wire [INDEX_BITS-1:0] write_index,
    input  wire [63:0]           write_data,
    input  wire [INDEX_BITS-1:0] read_index_0,
    input  wire [INDEX_BITS-1:0] read_index_1,
    output wire [63:0]           even_word_0,
    output wire [63:0]           odd_word_0,
    output wire [63:0]           even_word_1,
    output wire [63:0]           odd_word_1
);
    map_bank #(.INDEX_BITS(INDEX_BITS)) even_rows (
        .clk(clk), .write(write && !write_parity), .write_index(write_index),
        .write_data(write_data), .read_index(read_index_0), .even_word(even_word_0),
        .odd_word(odd_word_0));
    map_bank #(.INDEX_BITS(INDEX_BITS)) odd_rows (
        .clk(clk), .write(write && write_parity), .write_index(write_index),
        .write_data(write_data), .read_index(read_index_1), .even_word(even_word_1),
        .odd_word(odd_word_1));
endmodule

`default_nettype wire
