// SPDX-License-Identifier: Apache-2.0
// A Pico without a Pico: runs a UF2 file in rp2040js, UART0 on standard input and output.
//
//     node emulate.mjs FOLDER_OF_RP2040JS FIRMWARE.uf2
//
// The boot ROM is not run, but done here: it copies the boot stage to the end of memory, checks its
// CRC and begins there. Its time passes as instructions do, and by its next alarm, or byte, while it
// sleeps; with nothing on the line no faster than ours. Bytes come and go at 115,200 baud of it: the
// UART of rp2040js sends at once and keeps 32 that came, a real one without its FIFO holds one.
// Law of the file: rp2040js 1.4.1 as it is, but for that; it ends with its input.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { resolve } from 'node:path';

const FLASH = 0x10000000;
const BOOT_AT = 0x20041f00;
const MEMORY = 0x20000000;
const BOOT_BYTES = 256;
const BLOCK_BYTES = 512;
const CYCLE_NANOS = 8; // 125 MHz
const BYTE_NANOS = 1e10 / 115200;
const TURN_NANOS = 1e6;
const TX_FULL = 1 << 5;
const TX_INTERRUPT = 1 << 5;

function fail(text) {
  process.stderr.write(`${text}\n`);
  process.exit(1);
}

function loadUf2(flash, file) {
  for (let at = 0; at < file.length; at += BLOCK_BYTES) {
    const address = file.readUInt32LE(at + 12) - FLASH;
    const size = file.readUInt32LE(at + 16);
    if (file.readUInt32LE(at) !== 0x0a324655 || address < 0 || address + size > flash.length)
      fail(`block ${at / BLOCK_BYTES} is not one of a UF2 file for the Pico's flash`);
    flash.set(file.subarray(at + 32, at + 32 + size), address);
  }
}

function bootCrc(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc < 0 ? 0x04c11db7 : 0);
  }
  return crc >>> 0;
}

const [folder, path] = process.argv.slice(2);
const { RP2040 } = await import(pathToFileURL(resolve(folder, 'dist/esm/index.js')));
const pico = new RP2040();
const say = (name, text) => process.stderr.write(`${name}: ${text}\n`);
pico.logger = { debug() {}, info() {}, warn: say, error: say };
loadUf2(pico.flash, readFileSync(path));
const stage = Buffer.from(pico.flash.subarray(0, BOOT_BYTES));
if (bootCrc(stage.subarray(0, BOOT_BYTES - 4)) !== stage.readUInt32LE(BOOT_BYTES - 4))
  fail('the boot stage has another CRC: a Pico would wait for USB');
pico.sram.set(stage, BOOT_AT - MEMORY);
pico.core.SP = BOOT_AT;
pico.core.PC = BOOT_AT;

const { FIFO } = await import(pathToFileURL(resolve(folder, 'dist/esm/utils/fifo.js')));
const { core } = pico;
const uart = pico.uart[0];
const flagsOf = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(uart), 'flags').get;
let coming = Buffer.alloc(0);
let comesAt = 0;
let sent = [];
let goneAt = Infinity; // when the byte that is on its way has left
uart.rxFIFO = new FIFO(1);
uart.onByte = (byte) => {
  sent.push(byte);
  goneAt = pico.clock.nanos + BYTE_NANOS;
};
uart.checkInterrupts = () =>
  pico.setInterrupt(uart.irq, (uart.interruptStatus & uart.interruptMask) !== 0);
Object.defineProperty(uart, 'flags', {
  get: () => flagsOf.call(uart) | (goneAt === Infinity ? 0 : TX_FULL),
});

function lineWorks(now) {
  if (now >= goneAt) {
    goneAt = Infinity;
    uart.interruptStatus |= TX_INTERRUPT;
    uart.checkInterrupts();
  }
  if (coming.length > 0 && now >= comesAt) {
    uart.feedByte(coming[0]);
    coming = coming.subarray(1);
    comesAt = now + BYTE_NANOS;
  }
}

function turn() {
  const end = pico.clock.nanos + TURN_NANOS;
  let idle = false;
  while (pico.clock.nanos < end) {
    const now = pico.clock.nanos;
    lineWorks(now);
    // Its WFI sleeps on though an interrupt is pending.
    if ((core.pendingInterrupts & core.enabledInterrupts) !== 0) core.waiting = false;
    if (!core.waiting) {
      pico.clock.tick(core.executeInstruction() * CYCLE_NANOS);
      continue;
    }
    idle = coming.length === 0 && goneAt === Infinity;
    const next = Math.min(goneAt, coming.length > 0 ? comesAt : Infinity, end);
    pico.clock.tick(Math.min(next - now, pico.clock.nanosToNextAlarm || Infinity));
  }
  if (sent.length > 0) process.stdout.write(Buffer.from(sent));
  sent = [];
  if (idle) setTimeout(turn, 1);
  else setImmediate(turn);
}

process.stdin.on('data', (data) => {
  coming = Buffer.concat([coming, data]);
});
process.stdin.on('end', () => process.exit(0));
turn();
