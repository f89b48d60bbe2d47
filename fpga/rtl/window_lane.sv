// SPDX-License-Identifier: Apache-2.0
// The data side of window fetching, for one image: turns what two rows gave, masks, gathers words.
//
// The map memory gives, at each of 64 places, the bit of one of two neighbouring words; turned by
// the shift they are the 64 bits from the wanted one on.
// Law of the file: control is the same for all lanes and comes from window_control.sv; a word is
// written once its last pieces are in.
`default_nettype none

module window_lane (
    input  wire        clk,
    // As the map memory gives it.
    input  wire [63:0] row_data_0,
    input  wire [63:0] row_data_1,
    input  wire [5:0]  shift_0,
    input  wire [5:0]  shift_1,
    // Two clocks later.
    input  wire [63:0] mask_0,
    input  wire [63:0] mask_1,
    input  wire        begin_word,
    output reg  [63:0] word
);
    // Steps of a turn to the right: one choice of four a bit each.
    function [63:0] turn_16(input [63:0] data, input [1:0] by);
        case (by)
            2'd0: turn_16 = data;
            2'd1: turn_16 = {data[15:0], data[63:16]};
            2'd2: turn_16 = {data[31:0], data[63:32]};
            default: turn_16 = {data[47:0], data[63:48]};
        endcase
    endfunction
    function [63:0] turn_4(input [63:0] data, input [1:0] by);
        case (by)
            2'd0: turn_4 = data;
            2'd1: turn_4 = {data[3:0], data[63:4]};
            2'd2: turn_4 = {data[7:0], data[63:8]};
            default: turn_4 = {data[11:0], data[63:12]};
        endcase
    endfunction
    function [63:0] turn_1(input [63:0] data, input [1:0] by);
        case (by)
            2'd0: turn_1 = data;
            2'd1: turn_1 = {data[0], data[63:1]};
            2'd2: turn_1 = {data[1:0], data[63:2]};
            default: turn_1 = {data[2:0], data[63:3]};
        endcase
    endfunction

    reg [63:0] coarse_0, coarse_1, turned_0, turned_1;
    reg [3:0] fine_0, fine_1;
    always @(posedge clk) begin
        coarse_0 <= turn_16(row_data_0, shift_0[5:4]);
        coarse_1 <= turn_16(row_data_1, shift_1[5:4]);
        fine_0 <= shift_0[3:0];
        fine_1 <= shift_1[3:0];
        turned_0 <= turn_1(turn_4(coarse_0, fine_0[3:2]), fine_0[1:0]);
        turned_1 <= turn_1(turn_4(coarse_1, fine_1[3:2]), fine_1[1:0]);
        word <= (begin_word ? 64'd0 : word) | (turned_0 & mask_0) | (turned_1 & mask_1);
    end
endmodule

`default_nettype wire
