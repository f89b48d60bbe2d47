// SPDX-License-Identifier: Apache-2.0
// A Pico without a Pico: runs a UF2 file in rp2040js, UART0 on standard input and output.
//
//     node emulate.mjs FOLDER_OF_RP2040JS FIRMWARE.uf2
//
// The boot ROM is not run, but done here: it copies the boot stage to the end of memory, checks its
// CRC and begins there. Bytes come at 115,200 baud of its time, which passes as instructions do, and
// by its next alarm, or byte, while it sleeps.
// Law of the file: rp2040js 1.4.1 as it is; it ends with its input.
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
const INSTRUCTIONS_A_TURN = 200000;

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

let coming = Buffer.alloc(0);
let nextByteNanos = 0;
let sent = [];
const uart = pico.uart[0];
uart.onByte = (byte) => sent.push(byte);

function turn() {
  for (let i = 0; i < INSTRUCTIONS_A_TURN; i++) {
    const now = pico.clock.nanos;
    if (coming.length > 0 && now >= nextByteNanos) {
      uart.feedByte(coming[0]);
      coming = coming.subarray(1);
      nextByteNanos = now + BYTE_NANOS;
    }
    if (pico.core.waiting) {
      const alarm = pico.clock.nanosToNextAlarm;
      pico.clock.tick(coming.length > 0 ? Math.min(alarm, nextByteNanos - now) : alarm);
      if (coming.length === 0) break;
      continue;
    }
    pico.clock.tick(pico.core.executeInstruction() * CYCLE_NANOS);
  }
  if (sent.length > 0) process.stdout.write(Buffer.from(sent));
  sent = [];
  if (pico.core.waiting && coming.length === 0) setTimeout(turn, 1);
  else setImmediate(turn);
}

process.stdin.on('data', (data) => {
  coming = Buffer.concat([coming, data]);
});
process.stdin.on('end', () => process.exit(0));
turn();
