# SPDX-License-Identifier: Apache-2.0
# From RTL to bitstream and .hwh, in non-project mode, written for Vivado 2024.1; never run there.
#
#   vivado -mode batch -source build.tcl -tclargs FOLDER [8x64|32x64|64x64]
#
# Law of the file: the facts of design.py, which a test compares; nothing is left to automation.

if {[llength $argv] < 1 || [llength $argv] > 2} {
    error "say where to build: -tclargs FOLDER \[8x64|32x64|64x64\]"
}
set here [file dirname [file normalize [info script]]]
set rtl [file join [file dirname $here] rtl]
set out [file normalize [lindex $argv 0]]
set build [expr {[llength $argv] == 2 ? [lindex $argv 1] : "32x64"}]
set builds {
    8x64  {P 8  T 8  LANES 1 ROW_BITS 10}
    32x64 {P 32 T 32 LANES 1 ROW_BITS 10}
    64x64 {P 64 T 32 LANES 4 ROW_BITS 9}
}
if {![dict exists $builds $build]} {
    error "no build $build: there are [dict keys $builds]"
}
set part xc7z020clg400-1
set design bnn
file mkdir $out
cd $out
if {[file exists [file join $out $design.hwh]]} {
    error "$out has been built in: say another folder"
}

proc text_of {name} {
    set stream [open $name r]
    set text [read $stream]
    close $stream
    return $text
}

# Where a block design's outputs go differs between versions; hidden folders are among the places.
proc found_below {folder name} {
    set found [glob -nocomplain -directory $folder -types f $name]
    foreach inner [glob -nocomplain -directory $folder -types d * .*] {
        if {[file tail $inner] ni {. ..}} {
            lappend found {*}[found_below $inner $name]
        }
    }
    return $found
}

# ---- sources, the package first
set sources {
    generated/bnn_regs_pkg.sv
    generated/bnn_regs.sv
    batch_control.sv
    bnn_engine.sv
    crc32.sv
    descriptor_check.sv
    engine.sv
    fifo.sv
    first_layer.sv
    first_row.sv
    first_tree.sv
    first_trees.sv
    map_bank.sv
    map_memory.sv
    map_writer.sv
    model_store.sv
    pe.sv
    pe_array.sv
    piece_address.sv
    popcount64.sv
    result_unit.sv
    stream_input.sv
    tile_sequencer.sv
    window_control.sv
    window_lane.sv
}
create_project -in_memory -part $part
set_property target_language Verilog [current_project]
foreach source $sources {
    read_verilog -sv [file join $rtl $source]
}
read_verilog [file join $here bnn_engine_ip.v]
update_compile_order -fileset sources_1

# ---- cells
create_bd_design -dir $out $design
create_bd_cell -type ip -vlnv xilinx.com:ip:processing_system7:5.5 processing_system7_0
set_property -dict {
    CONFIG.PCW_CRYSTAL_PERIPHERAL_FREQMHZ 50
    CONFIG.PCW_UIPARAM_DDR_PARTNO {MT41J256M16 RE-125}
    CONFIG.PCW_UIPARAM_DDR_BUS_WIDTH {16 Bit}
    CONFIG.PCW_EN_CLK0_PORT 1
    CONFIG.PCW_EN_RST0_PORT 1
    CONFIG.PCW_FPGA0_PERIPHERAL_FREQMHZ 100
    CONFIG.PCW_USE_M_AXI_GP0 1
    CONFIG.PCW_USE_S_AXI_HP0 1
    CONFIG.PCW_S_AXI_HP0_DATA_WIDTH 64
    CONFIG.PCW_USE_FABRIC_INTERRUPT 1
    CONFIG.PCW_IRQ_F2P_INTR 1
} [get_bd_cells processing_system7_0]

create_bd_cell -type ip -vlnv xilinx.com:ip:proc_sys_reset:5.0 proc_sys_reset_0

create_bd_cell -type ip -vlnv xilinx.com:ip:axi_dma:7.1 axi_dma_0
set_property -dict {
    CONFIG.c_include_sg 0
    CONFIG.c_sg_include_stscntrl_strm 0
    CONFIG.c_sg_length_width 26
    CONFIG.c_addr_width 32
    CONFIG.c_micro_dma 0
    CONFIG.c_include_mm2s 1
    CONFIG.c_include_mm2s_dre 0
    CONFIG.c_m_axi_mm2s_data_width 64
    CONFIG.c_m_axis_mm2s_tdata_width 64
    CONFIG.c_mm2s_burst_size 16
    CONFIG.c_include_s2mm 1
    CONFIG.c_include_s2mm_dre 0
    CONFIG.c_m_axi_s2mm_data_width 64
    CONFIG.c_s2mm_burst_size 16
} [get_bd_cells axi_dma_0]

create_bd_cell -type ip -vlnv xilinx.com:ip:smartconnect:1.0 control_bus
set_property -dict {CONFIG.NUM_SI 1 CONFIG.NUM_MI 2 CONFIG.NUM_CLKS 1} [get_bd_cells control_bus]
create_bd_cell -type ip -vlnv xilinx.com:ip:smartconnect:1.0 memory_bus
set_property -dict {CONFIG.NUM_SI 2 CONFIG.NUM_MI 1 CONFIG.NUM_CLKS 1} [get_bd_cells memory_bus]
create_bd_cell -type ip -vlnv xilinx.com:ip:xlconcat:2.1 interrupts
set_property -dict {CONFIG.NUM_PORTS 3} [get_bd_cells interrupts]

create_bd_cell -type module -reference bnn_engine_ip bnn_engine_0
set parameters {}
foreach {name value} [dict get $builds $build] {
    lappend parameters CONFIG.$name $value
}
set_property -dict $parameters [get_bd_cells bnn_engine_0]

# ---- pins of the chip
create_bd_intf_port -mode Master -vlnv xilinx.com:interface:ddrx_rtl:1.0 DDR
create_bd_intf_port -mode Master -vlnv xilinx.com:display_processing_system7:fixedio_rtl:1.0 \
    FIXED_IO
connect_bd_intf_net [get_bd_intf_pins processing_system7_0/DDR] [get_bd_intf_ports DDR]
connect_bd_intf_net [get_bd_intf_pins processing_system7_0/FIXED_IO] [get_bd_intf_ports FIXED_IO]

# ---- buses and streams, from master to slave
foreach {master slave} {
    processing_system7_0/M_AXI_GP0 control_bus/S00_AXI
    control_bus/M00_AXI            axi_dma_0/S_AXI_LITE
    control_bus/M01_AXI            bnn_engine_0/s_axi
    axi_dma_0/M_AXI_MM2S           memory_bus/S00_AXI
    axi_dma_0/M_AXI_S2MM           memory_bus/S01_AXI
    memory_bus/M00_AXI             processing_system7_0/S_AXI_HP0
    axi_dma_0/M_AXIS_MM2S          bnn_engine_0/s_axis
    bnn_engine_0/m_axis            axi_dma_0/S_AXIS_S2MM
} {
    connect_bd_intf_net [get_bd_intf_pins $master] [get_bd_intf_pins $slave]
}

# ---- the clock, the reset
foreach pin {
    processing_system7_0/M_AXI_GP0_ACLK
    processing_system7_0/S_AXI_HP0_ACLK
    proc_sys_reset_0/slowest_sync_clk
    control_bus/aclk
    memory_bus/aclk
    axi_dma_0/s_axi_lite_aclk
    axi_dma_0/m_axi_mm2s_aclk
    axi_dma_0/m_axi_s2mm_aclk
    bnn_engine_0/aclk
} {
    connect_bd_net [get_bd_pins processing_system7_0/FCLK_CLK0] [get_bd_pins $pin]
}
connect_bd_net [get_bd_pins processing_system7_0/FCLK_RESET0_N] \
    [get_bd_pins proc_sys_reset_0/ext_reset_in]
foreach pin {
    control_bus/aresetn
    memory_bus/aresetn
    axi_dma_0/axi_resetn
    bnn_engine_0/aresetn
} {
    connect_bd_net [get_bd_pins proc_sys_reset_0/peripheral_aresetn] [get_bd_pins $pin]
}

# ---- interrupts
foreach {source bit} {
    bnn_engine_0/irq       In0
    axi_dma_0/mm2s_introut In1
    axi_dma_0/s2mm_introut In2
} {
    connect_bd_net [get_bd_pins $source] [get_bd_pins interrupts/$bit]
}
connect_bd_net [get_bd_pins interrupts/dout] [get_bd_pins processing_system7_0/IRQ_F2P]

# ---- addresses
set processor [get_bd_addr_spaces processing_system7_0/Data]
assign_bd_address -offset 0x40400000 -range 0x00010000 -target_address_space $processor \
    [get_bd_addr_segs axi_dma_0/S_AXI_LITE/Reg] -force
assign_bd_address -offset 0x43C00000 -range 0x00010000 -target_address_space $processor \
    [get_bd_addr_segs bnn_engine_0/s_axi/reg0] -force
foreach space {axi_dma_0/Data_MM2S axi_dma_0/Data_S2MM} {
    assign_bd_address -offset 0x00000000 -range 0x20000000 \
        -target_address_space [get_bd_addr_spaces $space] \
        [get_bd_addr_segs processing_system7_0/S_AXI_HP0/HP0_DDR_LOWOCM] -force
}
validate_bd_design
save_bd_design

# ---- a .hwh with the names of the engine's registers
# Vivado lists no registers for a module that is no packaged IP; pynq's register_map wants them.
set file_of_design [get_files $design.bd]
set_property synth_checkpoint_mode None $file_of_design
generate_target all $file_of_design
set hwh [lindex [found_below $out $design.hwh] 0]
if {$hwh eq ""} {
    error "Vivado left no $design.hwh below $out: see README.md"
}
set text [text_of $hwh]
if {![regexp -indices "<MODULE \[^>\]*INSTANCE=\"bnn_engine_0\"" $text found]} {
    error "$hwh has no module bnn_engine_0"
}
set begin [string first "<ADDRESSBLOCK " $text [lindex $found 1]]
set end [string first ">" $text $begin]
set module_end [string first "</MODULE>" $text [lindex $found 1]]
if {$begin < 0 || $begin > $module_end || [string index $text $end-1] ne "/"} {
    error "$hwh has no empty address block in bnn_engine_0: see README.md"
}
set registers [text_of [file join [file dirname $here] regs bnn_regs_hwh.xml]]
set text [string replace $text $end-1 $end ">\n$registers</ADDRESSBLOCK>"]
set stream [open [file join $out $design.hwh] w]
puts -nonewline $stream $text
close $stream

# ---- the top, synthesis, placement, routing
read_verilog [make_wrapper -files $file_of_design -top]
read_xdc [file join $here timing.xdc]
set_property used_in_synthesis false [get_files timing.xdc]
synth_design -top ${design}_wrapper -part $part
write_checkpoint -force [file join $out synthesised.dcp]
report_utilization -hierarchical -file [file join $out utilisation_synthesised.rpt]
opt_design
place_design
phys_opt_design
route_design
phys_opt_design
write_checkpoint -force [file join $out routed.dcp]
report_utilization -hierarchical -file [file join $out utilisation.rpt]
report_timing_summary -max_paths 20 -file [file join $out timing.rpt]
report_methodology -file [file join $out methodology.rpt]
report_drc -file [file join $out drc.rpt]

# ---- a bitstream only if it meets its clock
set slack [get_property SLACK [get_timing_paths -max_paths 1 -setup]]
set hold [get_property SLACK [get_timing_paths -max_paths 1 -hold]]
if {$slack < 0 || $hold < 0} {
    error "timing is not met: setup slack $slack ns, hold slack $hold ns; see timing.rpt"
}
set_property BITSTREAM.GENERAL.COMPRESS TRUE [current_design]
write_bitstream -force [file join $out $design.bit]
puts "$build: setup slack $slack ns; $design.bit and $design.hwh are in $out"
