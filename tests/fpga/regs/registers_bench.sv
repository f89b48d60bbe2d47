// SPDX-License-Identifier: Apache-2.0
// A processor and an engine around bnn_regs: one line for each thing that is not as it should be.
//
// Law of the file: says "registers: done" at its end, whatever it found.
`default_nettype none

module registers_bench;
    reg clk = 0, rst = 1;
    always #5 clk = !clk;

    reg awvalid = 0, wvalid = 0, arvalid = 0;
    reg [6:0] awaddr = 0, araddr = 0;
    reg [31:0] wdata = 0;
    wire awready, wready, arready, bvalid, rvalid;
    wire [1:0] bresp, rresp;
    wire [31:0] rdata;
    bnn_regs_pkg::bnn_regs__in_t in;
    bnn_regs_pkg::bnn_regs__out_t out;
    bnn_regs registers (
        .clk(clk), .rst(rst), .s_axil_awready(awready), .s_axil_awvalid(awvalid),
        .s_axil_awaddr(awaddr), .s_axil_awprot(3'd0), .s_axil_wready(wready),
        .s_axil_wvalid(wvalid), .s_axil_wdata(wdata), .s_axil_wstrb(4'hF), .s_axil_bready(1'b1),
        .s_axil_bvalid(bvalid), .s_axil_bresp(bresp), .s_axil_arready(arready),
        .s_axil_arvalid(arvalid), .s_axil_araddr(araddr), .s_axil_arprot(3'd0),
        .s_axil_rready(1'b1), .s_axil_rvalid(rvalid), .s_axil_rdata(rdata), .s_axil_rresp(rresp),
        .hwif_in(in), .hwif_out(out));

    localparam [6:0] ID = 7'h00, CTRL = 7'h20, ERROR = 7'h28, WATCHDOG = 7'h2C,
        IRQ_STATUS = 7'h4C;

    task write(input [6:0] address, input [31:0] data);
        begin
            @(negedge clk);
            awaddr = address;
            wdata = data;
            awvalid = 1;
            wvalid = 1;
            while (awvalid || wvalid) begin
                @(posedge clk);
                if (awvalid && awready) begin #1 awvalid = 0; end
                if (wvalid && wready) begin #1 wvalid = 0; end
            end
            while (!bvalid) @(posedge clk);
            @(negedge clk);
        end
    endtask

    task expect_read(input [6:0] address, input [31:0] wanted);
        begin
            @(negedge clk);
            araddr = address;
            arvalid = 1;
            while (!arready) @(negedge clk);
            @(negedge clk) arvalid = 0;
            while (!rvalid) @(negedge clk);
            if (rdata != wanted) $display("wrong at %h: %h, not %h", address, rdata, wanted);
            @(negedge clk);
        end
    endtask

    task event_of(input done, input error, input [7:0] code);
        begin
            @(negedge clk);
            in.IRQ_STATUS.done.hwset = done;
            in.IRQ_STATUS.error.hwset = error;
            in.ERROR.code.we = error;
            in.ERROR.code.next = code;
            @(negedge clk);
            in.IRQ_STATUS.done.hwset = 0;
            in.IRQ_STATUS.error.hwset = 0;
            in.ERROR.code.we = 0;
            in.ERROR.code.next = 0;
        end
    endtask

    integer pulses = 0;
    always @(posedge clk) if (out.CTRL.reset.value) pulses <= pulses + 1;

    initial begin
        in.IRQ_STATUS.done.hwset = 0;
        in.IRQ_STATUS.error.hwset = 0;
        in.ERROR.code.we = 0;
        in.ERROR.code.next = 0;
        repeat (4) @(negedge clk);
        rst = 0;
        expect_read(ID, 32'h314E4E42);
        expect_read(WATCHDOG, 32'h00FFFFFF);
        write(ID, 32'd0);
        expect_read(ID, 32'h314E4E42);

        // An event stays until it is cleared, and clearing one leaves the other.
        event_of(1'b1, 1'b1, 8'd4);
        repeat (20) @(negedge clk);
        expect_read(IRQ_STATUS, 32'd3);
        expect_read(ERROR, 32'd4);
        write(IRQ_STATUS, 32'd1);
        expect_read(IRQ_STATUS, 32'd2);
        write(ERROR, 32'hFF);
        expect_read(ERROR, 32'd0);
        write(IRQ_STATUS, 32'd2);
        expect_read(IRQ_STATUS, 32'd0);

        // An event in the clocks of a write that clears is not lost.
        in.IRQ_STATUS.done.hwset = 1;
        in.ERROR.code.we = 1;
        in.ERROR.code.next = 8'd32;
        write(IRQ_STATUS, 32'd1);
        write(ERROR, 32'd0);
        in.IRQ_STATUS.done.hwset = 0;
        in.ERROR.code.we = 0;
        expect_read(IRQ_STATUS, 32'd1);
        expect_read(ERROR, 32'd32);

        // Commands last a clock, settings stay.
        write(CTRL, 32'h0000_000F);
        expect_read(CTRL, 32'h0000_000E);
        repeat (4) @(negedge clk);
        if (pulses != 1) $display("wrong: reset lasts %0d clocks", pulses);
        $display("registers: done");
        $finish;
    end
endmodule

`default_nettype wire
