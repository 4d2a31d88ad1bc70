// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control/config.h"
#include "control/siphash.h"
#include "split/classify.h"
#include "split/tables.h"

namespace belka {

// The structs of the shared tables, under names that do not meet those of variables and functions.
using TableView = struct ::tables;
using TableKey = struct ::service_key;
using EntryRecord = struct ::service_entry;
using InfoRecord = struct ::service_info;
using BackendRecord = struct ::backend;
using PoolRecord = struct ::pool_info;

// From the configuration to what stands in the tables, and back. Pure.

wire_address to_wire(const Address& address);
Address from_wire(const wire_address& wire, uint8_t family);
void copy_address(const Address& address, uint8_t to[16]);
Address address_of(const BackendRecord& record);

TableKey key_of(const ServiceConfig& service);
TableKey vip_key(const Address& vip);  // of the entry that only says that an address is a VIP
bool same_key(const TableKey& a, const TableKey& b);
bool is_vip_key(uint32_t port_protocol_family);

// 0: hash the five-tuple; else so many bits of the source address, by the VIP's family.
uint8_t source_bits(const ServiceConfig& service);

// Everything but the generations, which belong to the place.
EntryRecord entry_of(const ServiceConfig& service, const SipKey& hash_key, uint16_t number,
                     uint32_t slot_base);
EntryRecord vip_entry(const Address& vip);
TableKey key_of(const EntryRecord& entry);

// What is in force of a pool beside its configuration.
struct PoolInForce {
  uint32_t slots = 0;
  uint8_t fallback = 0;  // enum pool_fallback
};
InfoRecord info_of(const ServiceConfig& service, uint32_t slot_base,
                   const std::vector<PoolInForce>& pools);

// Without the backends. What the tables do not keep has its default: the prefix of the other
// family.
ServiceConfig config_of(const InfoRecord& info);

// Unresolved.
BackendRecord backend_of(const BackendConfig& backend, uint16_t service, uint8_t pool,
                         ForwardMode mode);

}  // namespace belka
