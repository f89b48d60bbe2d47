// SPDX-License-Identifier: Apache-2.0
// The engine as an IP: AXI-Lite registers, one AXI-Stream in, one out, an interrupt.
//
// Law of the file: registers come from regs/bnn_regs.rdl; here they meet the engine. Only aresetn
// takes back what the stream out offers; CTRL.reset ends it with TLAST.
`default_nettype none

module bnn_engine #(
    parameter integer P = 32,
    parameter integer T = 32,
    parameter integer LANES = 1,
    parameter integer ROW_BITS = 10
) (
    input  wire        aclk,
    input  wire        aresetn,
    input  wire [6:0]  s_axi_awaddr,
    input  wire [2:0]  s_axi_awprot,
    input  wire        s_axi_awvalid,
    output wire        s_axi_awready,
    input  wire [31:0] s_axi_wdata,
    input  wire [3:0]  s_axi_wstrb,
    input  wire        s_axi_wvalid,
    output wire        s_axi_wready,
    output wire [1:0]  s_axi_bresp,
    output wire        s_axi_bvalid,
    input  wire        s_axi_bready,
    input  wire [6:0]  s_axi_araddr,
    input  wire [2:0]  s_axi_arprot,
    input  wire        s_axi_arvalid,
    output wire        s_axi_arready,
    output wire [31:0] s_axi_rdata,
    output wire [1:0]  s_axi_rresp,
    output wire        s_axi_rvalid,
    input  wire        s_axi_rready,
    input  wire [63:0] s_axis_tdata,
    input  wire        s_axis_tvalid,
    input  wire        s_axis_tlast,
    output wire        s_axis_tready,
    output wire [63:0] m_axis_tdata,
    output wire [7:0]  m_axis_tkeep,
    output wire        m_axis_tvalid,
    output wire        m_axis_tlast,
    input  wire        m_axis_tready,
    output wire        irq
);
    bnn_regs_pkg::bnn_regs__in_t to_regs;
    bnn_regs_pkg::bnn_regs__out_t from_regs;

    bnn_regs registers (
        .clk(aclk), .rst(!aresetn),
        .s_axil_awready(s_axi_awready), .s_axil_awvalid(s_axi_awvalid),
        .s_axil_awaddr(s_axi_awaddr), .s_axil_awprot(s_axi_awprot),
        .s_axil_wready(s_axi_wready), .s_axil_wvalid(s_axi_wvalid), .s_axil_wdata(s_axi_wdata),
        .s_axil_wstrb(s_axi_wstrb), .s_axil_bready(s_axi_bready), .s_axil_bvalid(s_axi_bvalid),
        .s_axil_bresp(s_axi_bresp), .s_axil_arready(s_axi_arready),
        .s_axil_arvalid(s_axi_arvalid), .s_axil_araddr(s_axi_araddr),
        .s_axil_arprot(s_axi_arprot), .s_axil_rready(s_axi_rready),
        .s_axil_rvalid(s_axi_rvalid), .s_axil_rdata(s_axi_rdata), .s_axil_rresp(s_axi_rresp),
        .hwif_in(to_regs), .hwif_out(from_regs));

    wire busy, error, finished;
    wire [1:0] slot_valid;
    wire [7:0] error_code;
    wire [31:0] done_images, correct, crc_value, clocks, stall_in, stall_out;
    assign m_axis_tkeep = 8'hFF;
    reg reset, hard_reset;
    always @(posedge aclk) begin
        reset <= !aresetn || from_regs.CTRL.reset.value;
        hard_reset <= !aresetn;
    end

    engine #(.P(P), .T(T), .LANES(LANES), .ROW_BITS(ROW_BITS)) core (
        .clk(aclk), .rst(reset), .hard_rst(hard_reset),
        .run_slot(from_regs.CTRL.slot.value), .count_only(from_regs.CTRL.count_only.value),
        .has_labels(from_regs.CTRL.labels.value),
        .drop({from_regs.CTRL.drop_1.value, from_regs.CTRL.drop_0.value}),
        .watchdog_clocks(from_regs.WATCHDOG.clocks.value), .busy(busy), .slot_valid(slot_valid),
        .error(error), .error_code(error_code), .batch_finished(finished),
        .done_images(done_images), .correct(correct), .crc_value(crc_value), .clocks(clocks),
        .stall_in(stall_in), .stall_out(stall_out), .in_data(s_axis_tdata),
        .in_last(s_axis_tlast), .in_valid(s_axis_tvalid), .in_ready(s_axis_tready),
        .out_data(m_axis_tdata), .out_last(m_axis_tlast), .out_valid(m_axis_tvalid),
        .out_ready(m_axis_tready));

    assign to_regs.CAPS_ARRAY.elements.next = P[7:0];
    assign to_regs.CAPS_ARRAY.width.next = 8'd64;
    assign to_regs.CAPS_ARRAY.images.next = LANES[7:0];
    assign to_regs.CAPS_ARRAY.trees.next = T[7:0];
    assign to_regs.CAPS_MODEL.weight_rows.next = 16'd1 << ROW_BITS;
    assign to_regs.CAPS_MODEL.limit_rows.next = 8'd32;
    assign to_regs.CAPS_MODEL.layers.next = 8'd16;
    assign to_regs.CAPS_WINDOW.window_words.next = 16'd256;
    assign to_regs.CAPS_WINDOW.program_entries.next = 16'd256;
    assign to_regs.CAPS_MAP.bank_words.next = 16'd512;
    assign to_regs.CAPS_MAP.lane_bank_words.next = 16'd32;
    assign to_regs.STATUS.busy.next = busy;
    assign to_regs.STATUS.model_0.next = slot_valid[0];
    assign to_regs.STATUS.model_1.next = slot_valid[1];
    assign to_regs.ERROR.code.next = error_code;
    assign to_regs.ERROR.code.we = error;
    assign to_regs.IMAGES.count.next = done_images;
    assign to_regs.CORRECT.count.next = correct;
    assign to_regs.CLOCKS.count.next = clocks;
    assign to_regs.STALL_IN.count.next = stall_in;
    assign to_regs.STALL_OUT.count.next = stall_out;
    assign to_regs.CRC.value.next = crc_value;
    assign to_regs.IRQ_STATUS.done.hwset = finished;
    assign to_regs.IRQ_STATUS.error.hwset = error;
    assign irq = (from_regs.IRQ_STATUS.done.value && from_regs.IRQ_ENABLE.done.value)
                 || (from_regs.IRQ_STATUS.error.value && from_regs.IRQ_ENABLE.error.value);
endmodule

`default_nettype wire
