// SPDX-License-Identifier: Apache-2.0
// CRC-32 as of Ethernet and zlib, eight bytes a clock, the lowest first.
//
// The code is linear: what 64 bits bring is one sum modulo 2 of them, what they make of the state
// another. Which bits are in which sum is found when the design is elaborated.
// Law of the file: `value` is the code two clocks after the last valid data; `busy` says until
// when.
`default_nettype none

module crc32 (
    input  wire        clk,
    input  wire        first,  // with valid: nothing came before
    input  wire        valid,
    input  wire [63:0] data,
    output wire        busy,
    output wire [31:0] value
);
    function [31:0] next(input [31:0] state, input [63:0] bits);
        integer i;
        begin
            next = state;
            for (i = 0; i < 64; i = i + 1)
                next = {1'b0, next[31:1]} ^ (next[0] ^ bits[i] ? 32'hEDB88320 : 32'd0);
        end
    endfunction
    // Which of the state's bits, and of the data's, are in bit `which` of the next state.
    function [31:0] of_state(input integer which);
        integer i;
        reg [31:0] one;
        for (i = 0; i < 32; i = i + 1) begin
            one = next(32'd1 << i, 64'd0);
            of_state[i] = one[which];
        end
    endfunction
    function [63:0] of_data(input integer which);
        integer i;
        reg [31:0] one;
        for (i = 0; i < 64; i = i + 1) begin
            one = next(32'd0, 64'd1 << i);
            of_data[i] = one[which];
        end
    endfunction

    localparam [31:0] BEGIN = next(32'hFFFFFFFF, 64'd0);
    reg [31:0] state, brought;
    reg valid_1, first_1;
    assign busy = valid_1;
    assign value = ~state;
    genvar b;
    generate
        for (b = 0; b < 32; b = b + 1) begin : sum
            localparam [31:0] STATE = of_state(b);
            localparam [63:0] DATA = of_data(b);
            always @(posedge clk) begin
                if (valid) brought[b] <= ^(data & DATA) ^ (first && BEGIN[b]);
                if (valid_1) state[b] <= (!first_1 && ^(state & STATE)) ^ brought[b];
            end
        end
    endgenerate
    always @(posedge clk) begin
        valid_1 <= valid;
        first_1 <= first;
    end
endmodule

`default_nettype wire
