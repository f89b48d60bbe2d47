// SPDX-License-Identifier: Apache-2.0
// From sums to results: logits one by one, the class of each image, and whether its label says so.
//
// A logit is odd - 2 * sum. The class is the first of the greatest logits. Logits go out as int32,
// two a beat, image after image; or nothing does but, at the end, the number of correct images.
// Law of the file: `busy` from the clock after a tile is taken until the next one may come; a beat
// that was put out is taken back by `rst` alone.
`default_nettype none

module result_unit #(
    parameter integer P = 32,
    parameter integer LANES = 1,
    parameter integer SUM_BITS = 20
) (
    input  wire                  clk,
    input  wire                  rst,
    input  wire                  abort,         // of the batch: what was put out is ended
    input  wire                  batch_start,
    input  wire                  count_only,
    input  wire                  has_labels,
    // A tile of logits.
    input  wire                  take,
    input  wire                  take_ends,     // the last tile of its images
    input  wire [SUM_BITS*P-1:0] sums,
    input  wire [P-1:0]          odds,
    input  wire [7:0]            channels,      // of one image in this tile
    input  wire [2:0]            images,        // side by side, 1 to LANES
    output wire                  busy,
    output wire                  waiting,       // not all that was put out has been taken
    // Labels of images, in order.
    input  wire [7:0]            label,
    output wire                  label_taken,
    output reg  [23:0]           done_images,
    output reg  [23:0]           correct,
    // The end of the batch.
    input  wire                  batch_end,     // all images are done; held until `finished`
    output reg                   finished,
    // Out.
    output wire [63:0]           out_data,
    output wire                  out_last,
    output wire                  out_valid,
    input  wire                  out_ready
);
    localparam integer PER_LANE = P / LANES;
    localparam integer INDEX_BITS = $clog2(P);
    localparam integer LANE_BITS = LANES > 1 ? $clog2(LANES) : 1;

    wire clear = rst || abort;
    reg [SUM_BITS*P-1:0] held;
    reg [P-1:0] held_odds;
    reg held_ends, serving;
    reg [7:0] final_place, place;
    reg [2:0] final_lane, lane;
    reg full;
    wire last_place = place == final_place;
    wire last_lane = lane == final_lane;
    wire step = serving && !full;
    assign busy = serving;

    always @(posedge clk) begin
        if (take) begin
            held <= sums;
            held_odds <= odds;
            held_ends <= take_ends;
            final_place <= channels - 8'd1;
            final_lane <= images - 3'd1;
        end
        if (clear) serving <= 1'b0;
        else if (take) serving <= 1'b1;
        else if (step && last_place && last_lane) serving <= 1'b0;
        if (clear || take) begin
            place <= 8'd0;
            lane <= 3'd0;
        end else if (step) begin
            place <= last_place ? 8'd0 : place + 8'd1;
            if (last_place) lane <= lane + 3'd1;
        end
    end

    // ---- one element, two clocks for the choice: eight neighbours, then groups
    wire [INDEX_BITS-1:0] element;
    generate
        if (LANES > 1) begin : several  // an image's elements stand together
            assign element = place[INDEX_BITS-1:0]
                             + {lane[LANE_BITS-1:0], {(INDEX_BITS-LANE_BITS){1'b0}}};
        end else begin : single
            assign element = place[INDEX_BITS-1:0];
        end
    endgenerate
    localparam integer GROUPS = P / 8, GROUP_BITS = GROUPS > 1 ? $clog2(GROUPS) : 1;
    wire [SUM_BITS:0] chosen;  // {odd, sum}
    reg [GROUP_BITS-1:0] group_a;
    reg valid_a, ends_a, begins_a, valid_b, ends_b, begins_b;
    localparam integer LOGIT_BITS = SUM_BITS + 2;
    reg signed [LOGIT_BITS-1:0] logit_b;
    genvar b, g, k;
    generate
        for (b = 0; b <= SUM_BITS; b = b + 1) begin : choice
            wire [GROUPS-1:0] of_group;
            for (g = 0; g < GROUPS; g = g + 1) begin : group
                wire [7:0] neighbours;
                for (k = 0; k < 8; k = k + 1) begin : neighbour
                    if (b == SUM_BITS) begin : odd
                        assign neighbours[k] = held_odds[8*g + k];
                    end else begin : sum
                        assign neighbours[k] = held[SUM_BITS*(8*g + k) + b];
                    end
                end
                reg one;
                always @(posedge clk) if (serving) one <= neighbours[element[2:0]];
                assign of_group[g] = one;
            end
            assign chosen[b] = GROUPS > 1 ? of_group[group_a] : of_group[0];
        end
    endgenerate
    wire signed [SUM_BITS-1:0] sum_a = chosen[SUM_BITS-1:0];
    reg fresh;  // the next logit is its image's first
    always @(posedge clk) begin
        group_a <= GROUPS > 1 ? element[INDEX_BITS-1 -: GROUP_BITS] : {GROUP_BITS{1'b0}};
        valid_a <= !clear && step;
        ends_a <= held_ends && last_place;
        begins_a <= fresh;
        if (clear || batch_start) fresh <= 1'b1;
        else if (step) fresh <= held_ends && last_place;
        valid_b <= !clear && valid_a;
        ends_b <= ends_a;
        begins_b <= begins_a;
        logit_b <= $signed({{(LOGIT_BITS-1){1'b0}}, chosen[SUM_BITS]})
                   - $signed({sum_a[SUM_BITS-1], sum_a, 1'b0});
    end

    // ---- class
    reg signed [LOGIT_BITS-1:0] best;
    reg [7:0] class_now, best_class;
    wire better = begins_b || logit_b > best;
    wire [7:0] class_b = begins_b ? 8'd0 : class_now;
    wire [7:0] winner = better ? class_b : best_class;
    assign label_taken = valid_b && ends_b && has_labels;
    always @(posedge clk) begin
        if (rst || batch_start) begin
            done_images <= 24'd0;
            correct <= 24'd0;
        end else if (valid_b) begin
            class_now <= class_b + 8'd1;
            if (better) best <= logit_b;
            best_class <= winner;
            if (ends_b) begin
                done_images <= done_images + 24'd1;
                if (has_labels && winner == label) correct <= correct + 24'd1;
            end
        end
    end

    // ---- out: a beat stays here until it is known whether it is the last
    localparam integer HALF = 25;  // a logit or a count, with a sign
    reg have_half, have_beat;
    reg [LOGIT_BITS-1:0] half_beat, beat_0, beat_1;
    wire [LOGIT_BITS+HALF-1:0] beat = {beat_1, {(HALF-LOGIT_BITS){beat_0[LOGIT_BITS-1]}}, beat_0};
    reg put, put_last;
    reg [LOGIT_BITS+HALF-1:0] put_data;
    reg ending, closing, may_end;
    wire new_beat = valid_b && !count_only && have_half;
    wire quiet = !serving && !valid_a && !valid_b;
    always @(posedge clk) begin
        put <= 1'b0;
        put_last <= 1'b0;
        finished <= 1'b0;
        may_end <= batch_end && quiet && !clear && !batch_start;
        if (rst) closing <= 1'b0;
        else if (abort) closing <= 1'b1;
        if (clear || batch_start) begin
            have_half <= 1'b0;
            have_beat <= 1'b0;
            ending <= 1'b0;
        end else if (closing) begin
            // Whoever waits for results is not left waiting.
            if (!full && !put) begin
                put <= 1'b1;
                put_last <= 1'b1;
                put_data <= {(LOGIT_BITS+HALF){1'b1}};
                closing <= 1'b0;
            end
        end else if (valid_b && !count_only) begin
            have_half <= !have_half;
            half_beat <= logit_b;
            if (new_beat) begin
                beat_0 <= half_beat;
                beat_1 <= logit_b;
                have_beat <= 1'b1;
                put <= have_beat;
                put_data <= beat;
            end
        end else if (may_end && !ending && !full && !put) begin
            if (count_only) begin
                put <= 1'b1;
                put_last <= 1'b1;
                put_data <= {{(LOGIT_BITS+1){1'b0}}, correct};
                ending <= 1'b1;
                finished <= 1'b1;
            end else if (have_half) begin
                put <= have_beat;
                put_data <= beat;
                beat_0 <= half_beat;
                beat_1 <= 0;
                have_beat <= 1'b1;
                have_half <= 1'b0;
            end else begin
                put <= 1'b1;
                put_last <= 1'b1;
                put_data <= beat;
                ending <= 1'b1;
                finished <= 1'b1;
            end
        end
    end

    // Room for what is in the pipeline when it stops.
    wire empty;
    reg [4:0] held_beats;
    wire take_out = out_valid && out_ready;
    always @(posedge clk)
        if (rst) held_beats <= 5'd0;
        else held_beats <= held_beats + {4'd0, put} - {4'd0, take_out};
    always @(posedge clk) full <= held_beats >= 5'd10;
    wire unused_full;
    wire [LOGIT_BITS+HALF-1:0] head;
    fifo #(.WIDTH(LOGIT_BITS+HALF+1), .DEPTH_BITS(4)) queue (
        .clk(clk), .rst(rst), .put(put), .put_data({put_last, put_data}), .full(unused_full),
        .take(take_out), .head({out_last, head}), .empty(empty));
    assign out_data = {{(32-LOGIT_BITS){head[LOGIT_BITS+HALF-1]}}, head[HALF +: LOGIT_BITS],
                       {(32-HALF){head[HALF-1]}}, head[HALF-1:0]};
    assign out_valid = !empty;
    assign waiting = closing || put || !empty;
endmodule

`default_nettype wire
