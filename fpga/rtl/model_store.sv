// SPDX-License-Identifier: Apache-2.0
// Where two models are kept: weights, limits, word programs, first layers and descriptors.
//
// Weights share one room of rows, in which each descriptor says where its own begin; all else has
// its half for each slot. With FAST_COUNT, for simulation only, a memory's parts are one array; the
// unit's bench is run with it and without.
// Law of the file: written by the stream, read by the engine; what is read comes a clock later, but
// weights two, and descriptors at once.
`default_nettype none

module model_store #(
    parameter integer P = 32,
    parameter integer T = 32,
    parameter integer ROW_BITS = 10,
    parameter integer LIMIT_BITS = 5,
    parameter integer PROGRAM_BITS = 8,
    parameter integer TILE_BITS = 3,
    parameter integer SUM_BITS = 20,
    parameter integer START_BITS = 13
) (
    input  wire                        clk,
    input  wire                        write,
    input  wire [2:0]                  write_target,
    input  wire [23:0]                 write_address,
    input  wire [63:0]                 write_data,
    input  wire                        write_slot,
    input  wire                        slot,
    input  wire [ROW_BITS-1:0]         weight_row,
    output reg  [64*P-1:0]             weights,
    input  wire [LIMIT_BITS-1:0]       limit_row,
    output wire [(SUM_BITS+1)*P-1:0]   limits,       // {odd, start} of each element
    input  wire [PROGRAM_BITS-1:0]     program_index,
    output reg  [71:0]                 program_entry,
    input  wire [TILE_BITS-1:0]        first_tile,
    output wire [(9+START_BITS)*T-1:0] first_parameters,
    input  wire [3:0]                  layer,
    output wire [255:0]                descriptor,
    input  wire [3:0]                  checked_layer,   // of write_slot
    output wire [255:0]                checked,
    output wire [127:0]                model_0,      // of slot 0
    output wire [127:0]                model_1
);
    localparam integer PE_BITS = $clog2(P), TREE_BITS = $clog2(T);
    localparam integer FIRST_BITS = 9 + START_BITS;
    wire [PE_BITS-1:0] write_pe = write_address[PE_BITS-1:0];
    // Registers stand at the addresses: there are fewer of them than of what is read.
    reg [ROW_BITS-1:0] weight_row_1;
    reg [LIMIT_BITS:0] limit_row_1;
    reg [TILE_BITS:0] first_tile_1;
    always @(posedge clk) begin
        weight_row_1 <= weight_row;
        limit_row_1 <= {slot, limit_row};
        first_tile_1 <= {slot, first_tile};
    end
    // Of a first layer's channel, as first_tree.sv wants them.
    wire [8:0] signs = {write_data[8:7] ^ {2{write_data[6]}}, write_data[6],
                        write_data[5:4] ^ {2{write_data[3]}}, write_data[3] ^ write_data[0],
                        write_data[2:1] ^ {2{write_data[0]}}, write_data[0]};
    genvar p, t, d;

`ifdef FAST_COUNT
    // A simulator is to ask once, not for each element and tree, whether something is written.
    reg [64*P-1:0] rows [0:(1 << ROW_BITS)-1];
    reg [(SUM_BITS+1)*P-1:0] starts [0:(2 << LIMIT_BITS)-1];
    reg [FIRST_BITS*T-1:0] tiles [0:(2 << TILE_BITS)-1];
    wire [TREE_BITS-1:0] write_tree = write_address[TREE_BITS-1:0];
    always @(posedge clk) begin
        if (write)
            case (write_target)
                3'd3: starts[{write_slot, write_address[PE_BITS +: LIMIT_BITS]}]
                            [(SUM_BITS+1)*write_pe +: SUM_BITS+1] <= write_data[SUM_BITS:0];
                3'd4: rows[write_address[PE_BITS +: ROW_BITS]][64*write_pe +: 64] <= write_data;
                3'd5: tiles[{write_slot, write_address[TREE_BITS +: TILE_BITS]}]
                           [FIRST_BITS*write_tree +: FIRST_BITS]
                           <= {write_data[9 +: START_BITS], signs};
                default: ;
            endcase
        weights <= rows[weight_row_1];
    end
    assign limits = starts[limit_row_1];
    assign first_parameters = tiles[first_tile_1];
`else
    generate
        for (p = 0; p < P; p = p + 1) begin : element
            (* ram_style = "block" *) reg [63:0] rows [0:(1 << ROW_BITS)-1];
            always @(posedge clk) begin
                if (write)
                    if (write_target == 3'd4 && write_pe == p)
                        rows[write_address[PE_BITS +: ROW_BITS]] <= write_data;
                weights[64*p +: 64] <= rows[weight_row_1];
            end
            (* ram_style = "distributed" *) reg [SUM_BITS:0] starts [0:(2 << LIMIT_BITS)-1];
            always @(posedge clk)
                if (write)
                    if (write_target == 3'd3 && write_pe == p)
                        starts[{write_slot, write_address[PE_BITS +: LIMIT_BITS]}]
                            <= write_data[SUM_BITS:0];
            assign limits[(SUM_BITS+1)*p +: SUM_BITS+1] = starts[limit_row_1];
        end
        for (t = 0; t < T; t = t + 1) begin : tree
            (* ram_style = "distributed" *) reg [FIRST_BITS-1:0] tiles [0:(2 << TILE_BITS)-1];
            always @(posedge clk)
                if (write)
                    if (write_target == 3'd5 && write_address[TREE_BITS-1:0] == t)
                        tiles[{write_slot, write_address[TREE_BITS +: TILE_BITS]}]
                            <= {write_data[9 +: START_BITS], signs};
            assign first_parameters[FIRST_BITS*t +: FIRST_BITS] = tiles[first_tile_1];
        end
    endgenerate
`endif
    generate
        for (d = 0; d < 4; d = d + 1) begin : field
            (* ram_style = "distributed" *) reg [63:0] words [0:31];
            always @(posedge clk)
                if (write && write_target == 3'd1 && write_address[1:0] == d)
                    words[{write_slot, write_address[5:2]}] <= write_data;
            assign descriptor[64*d +: 64] = words[{slot, layer}];
            assign checked[64*d +: 64] = words[{write_slot, checked_layer}];
        end
    endgenerate

    // The second beat of an entry completes it.
    (* ram_style = "block" *) reg [71:0] entries [0:(2 << PROGRAM_BITS)-1];
    reg [63:0] lower;
    always @(posedge clk) begin
        if (write && write_target == 3'd2) begin
            if (!write_address[0]) lower <= write_data;
            else entries[{write_slot, write_address[PROGRAM_BITS:1]}] <= {write_data[7:0], lower};
        end
        program_entry <= entries[{slot, program_index}];
    end

    reg [127:0] models [0:1];
    always @(posedge clk)
        if (write && write_target == 3'd6)
            models[write_slot][64*write_address[0] +: 64] <= write_data;
    assign model_0 = models[0];
    assign model_1 = models[1];
endmodule

`default_nettype wire
