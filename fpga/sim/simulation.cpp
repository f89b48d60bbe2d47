// SPDX-License-Identifier: Apache-2.0
// The board's fabric as a library: the engine, verilated, beside memory and a simple AXI DMA.
//
// Registers are those of PG021 in direct mode: MM2S at 0x00, S2MM at 0x30, each with control,
// status, address and length. Time passes with each access to a register: a few clocks for the bus,
// and up to `patience` of them for one that looks whether a channel is done.
// Law of the file: no part of the engine's work is done here; it moves words and counts clocks.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "Vbnn_engine.h"
#include "verilated.h"

// What Verilator makes of the RTL. The model's own eval() is this and a look, under two locks, for
// what other threads left; here there is one thread, and twice a clock the locks are felt.
void Vbnn_engine___024root___eval(Vbnn_engine___024root *);

namespace {

constexpr uint32_t kStatusHalted = 1, kStatusIdle = 2, kStatusError = 0x10, kStatusDone = 0x1000;
constexpr uint32_t kControlRun = 1, kControlReset = 4;
constexpr uint32_t kBeatBytes = 8;

struct Channel {
    uint32_t control = 0, status = kStatusHalted, address = 0, length = 0, moved = 0;
    bool active = false;
    void finish(uint32_t extra) {
        active = false;
        length = moved;
        status |= kStatusIdle | kStatusDone | extra;
        if (!(control & kControlRun))
            status |= kStatusHalted;
    }
};

struct Board {
    VerilatedContext context;
    Vbnn_engine engine{&context};
    uint8_t *memory;
    uint64_t memory_bytes;
    uint32_t base;
    uint64_t clocks = 0;
    Channel send, receive;
    uint32_t stall_seed = 0; // 0: streams never stall
    int frozen = 0;          // streams that stall for good: 1 to the engine, 2 from it

    // Pages that nothing was written to take no room.
    Board(uint64_t bytes, uint32_t at)
        : memory(static_cast<uint8_t *>(std::calloc(bytes, 1))), memory_bytes(bytes), base(at) {
        reset();
    }
    ~Board() { std::free(memory); }

    // As after a bitstream: registers, models and transfers are gone, memory stays.
    void reset() {
        send = receive = Channel();
        engine.s_axis_tvalid = 0;
        engine.aresetn = 0;
        engine.eval(); // the first time it begins all
        for (int i = 0; i < 8; i++)
            step();
        engine.aresetn = 1;
        step();
    }

    bool stalls(int stream) {
        if (frozen & stream)
            return true;
        if (!stall_seed)
            return false;
        stall_seed ^= stall_seed << 13;
        stall_seed ^= stall_seed >> 17;
        stall_seed ^= stall_seed << 5;
        return stall_seed & 1;
    }

    void settle() { Vbnn_engine___024root___eval(engine.rootp); }

    bool inside(const Channel &c) const {
        return c.address >= base && uint64_t(c.address - base) + c.length <= memory_bytes;
    }

    void step() {
        // A beat that was offered stays until it is taken.
        bool offers = engine.s_axis_tvalid || (send.active && !stalls(1));
        if (offers) {
            uint64_t word = 0;
            uint32_t left = send.length - send.moved;
            std::memcpy(&word, &memory[send.address - base + send.moved],
                        left < kBeatBytes ? left : kBeatBytes);
            engine.s_axis_tdata = word;
            engine.s_axis_tlast = left <= kBeatBytes;
        }
        engine.s_axis_tvalid = offers;
        engine.m_axis_tready = receive.active && !stalls(2);
        engine.aclk = 0;
        settle();
        bool sent = engine.s_axis_tvalid && engine.s_axis_tready;
        bool received = engine.m_axis_tvalid && engine.m_axis_tready;
        uint64_t word = engine.m_axis_tdata;
        bool last = engine.m_axis_tlast;
        engine.aclk = 1;
        settle();
        clocks++;
        if (sent) {
            engine.s_axis_tvalid = 0;
            uint32_t left = send.length - send.moved;
            send.moved += left < kBeatBytes ? left : kBeatBytes;
            if (send.moved == send.length)
                send.finish(0);
        }
        if (received) {
            uint32_t room = receive.length - receive.moved;
            uint32_t bytes = room < kBeatBytes ? room : kBeatBytes;
            std::memcpy(&memory[receive.address - base + receive.moved], &word, bytes);
            receive.moved += bytes;
            // A packet that is longer than its buffer is an error of the DMA's.
            if (last)
                receive.finish(0);
            else if (receive.moved == receive.length)
                receive.finish(kStatusError | kStatusHalted);
        }
    }
};

void write_channel(Board &board, Channel &c, uint32_t offset, uint32_t value) {
    switch (offset) {
    case 0x00:
        if (value & kControlReset) {
            // The reset of one channel is that of both, and takes back what was offered.
            board.send = board.receive = Channel();
            board.engine.s_axis_tvalid = 0;
            return;
        }
        c.control = value;
        // A channel that is stopped halts when what it moves is done, which may be never.
        if (value & kControlRun)
            c.status &= ~kStatusHalted;
        else if (!c.active)
            c.status |= kStatusHalted;
        break;
    case 0x04:
        c.status &= ~(value & 0x7000);
        break;
    case 0x18:
        c.address = value;
        break;
    case 0x28:
        c.length = value & 0x3FFFFFF;
        c.moved = 0;
        c.status &= ~kStatusIdle;
        c.active = c.length != 0 && !(c.status & kStatusHalted);
        if (c.active && !board.inside(c))
            c.finish(kStatusError | kStatusHalted);
        break;
    default:
        break;
    }
}

} // namespace

extern "C" {

Board *board_new(uint64_t bytes, uint32_t base) {
    return new Board(bytes, base);
}
void board_free(Board *board) {
    delete board;
}
void board_reset(Board *board) {
    board->reset();
}
uint8_t *board_memory(Board *board) {
    return board->memory;
}
uint64_t board_clocks(Board *board) {
    return board->clocks;
}
void board_stalls(Board *board, uint32_t seed) {
    board->stall_seed = seed;
}
void board_freeze(Board *board, int streams) {
    board->frozen = streams;
}
int board_irq(Board *board) {
    return board->engine.irq;
}
void board_run(Board *board, uint64_t clocks) {
    while (clocks--)
        board->step();
}

void engine_write(Board *board, uint32_t address, uint32_t value) {
    auto &e = board->engine;
    bool address_taken = false, data_taken = false;
    e.s_axi_awaddr = address;
    e.s_axi_wdata = value;
    e.s_axi_wstrb = 0xF;
    e.s_axi_bready = 1;
    while (!(address_taken && data_taken)) {
        e.s_axi_awvalid = !address_taken;
        e.s_axi_wvalid = !data_taken;
        board->settle();
        bool a = e.s_axi_awvalid && e.s_axi_awready, d = e.s_axi_wvalid && e.s_axi_wready;
        board->step();
        address_taken |= a;
        data_taken |= d;
    }
    e.s_axi_awvalid = e.s_axi_wvalid = 0;
    board->settle();
    while (!e.s_axi_bvalid)
        board->step();
    board->step();
}

uint32_t engine_read(Board *board, uint32_t address) {
    auto &e = board->engine;
    e.s_axi_araddr = address;
    e.s_axi_rready = 1;
    e.s_axi_arvalid = 1;
    for (bool taken = false; !taken;) {
        board->settle();
        taken = e.s_axi_arready;
        board->step();
    }
    e.s_axi_arvalid = 0;
    board->settle();
    while (!e.s_axi_rvalid)
        board->step();
    uint32_t value = e.s_axi_rdata;
    board->step();
    return value;
}

void dma_write(Board *board, uint32_t offset, uint32_t value) {
    board->step();
    if (offset < 0x30)
        write_channel(*board, board->send, offset, value);
    else
        write_channel(*board, board->receive, offset - 0x30, value);
}

uint32_t dma_read(Board *board, uint32_t offset, uint64_t patience) {
    Channel &c = offset < 0x30 ? board->send : board->receive;
    switch (offset % 0x30) {
    case 0x00:
        return c.control;
    case 0x04:
        for (uint64_t i = 0; i < patience && c.active; i++)
            board->step();
        return c.status;
    case 0x18:
        return c.address;
    case 0x28:
        return c.length;
    default:
        return 0;
    }
}
}
