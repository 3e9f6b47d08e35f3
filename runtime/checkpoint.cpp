// A run's traits and state to a .safetensors file and back.
#include "runtime/checkpoint.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "runtime/files.hpp"
#include "runtime/formats.hpp"

namespace nodec::runtime {
namespace {

using Json = nlohmann::json;

// The array of bytes that holds the traits.
const std::string traits_name = "traits";

}  // namespace

Result<Done> write_checkpoint(const std::string& path, const Checkpoint& checkpoint) {
  Json traits = Json::array();
  for (const Trait& trait : checkpoint.traits) traits.push_back({trait.name, trait.value, trait.digest});
  const std::string text = traits.dump(-1, ' ', false, Json::error_handler_t::replace);
  Arrays arrays = checkpoint.state;
  Array bytes{{static_cast<int64_t>(text.size())}, Element::u8, {}};
  const std::span<const std::byte> characters = std::as_bytes(std::span(text));
  bytes.bytes.assign(characters.begin(), characters.end());
  arrays.add(traits_name, std::move(bytes));
  return write_bytes(path, write_safetensors(arrays));
}

Result<Checkpoint> read_checkpoint(const std::string& path) {
  const Result<std::vector<std::byte>> bytes = read_bytes(path);
  if (!bytes) return bytes.errors();
  return read_checkpoint(path, *bytes);
}

Result<Checkpoint> read_checkpoint(const std::string& path, std::span<const std::byte> bytes) {
  const Result<Arrays> arrays = read_safetensors(path, bytes);
  if (!arrays) return error(Problem::not_a_checkpoint, path, arrays.errors().front().text);
  Checkpoint checkpoint;
  for (const Arrays::Item& item : arrays->items()) {
    if (item.name != traits_name) {
      checkpoint.state.add(item.name, item.array);
      continue;
    }
    constexpr size_t longest = size_t{1} << 20;
    if (item.array.data().size() > longest)
      return error(Problem::not_a_checkpoint, path, "its traits are damaged");
    const char* text = reinterpret_cast<const char*>(item.array.data().data());
    const Json traits =
        Json::parse(text, text + item.array.data().size(), nullptr, /*allow_exceptions=*/false);
    for (const Json& trait : traits) {
      if (!trait.is_array() || trait.size() != 3 || !trait[0].is_string() || !trait[1].is_string() ||
          !trait[2].is_boolean())
        return error(Problem::not_a_checkpoint, path, "its traits are damaged");
      checkpoint.traits.push_back(
          {trait[0].get<std::string>(), trait[1].get<std::string>(), trait[2].get<bool>()});
    }
  }
  if (checkpoint.traits.empty()) return error(Problem::not_a_checkpoint, path, "it says of no run");
  return checkpoint;
}

std::string difference(const std::vector<Trait>& there, const std::vector<Trait>& here) {
  std::string text;
  const auto find = [](const std::vector<Trait>& traits, const std::string& name) -> const Trait* {
    const auto found =
        std::find_if(traits.begin(), traits.end(), [&](const Trait& t) { return t.name == name; });
    return found == traits.end() ? nullptr : &*found;
  };
  const auto item = [&](const std::string& what) { text += (text.empty() ? "" : ", ") + what; };
  for (const Trait& now : here) {
    const Trait* then = find(there, now.name);
    if (then && then->value == now.value) continue;
    item(!then                        ? now.name + " (none there)"
         : now.digest || then->digest ? now.name
                                      : now.name + " (" + then->value + " there, " + now.value + " here)");
  }
  for (const Trait& then : there)
    if (!find(here, then.name)) item(then.name + " (none here)");
  return text;
}

void Digest::add(uint64_t number) {
  // A multiplication and a shift mix each word into all bits (the finalizer of splitmix64).
  state_ = (state_ ^ number) * 0xbf58476d1ce4e5b9;
  state_ ^= state_ >> 27;
  state_ *= 0x94d049bb133111eb;
  state_ ^= state_ >> 31;
}

void Digest::add(std::span<const std::byte> bytes) {
  add(uint64_t{bytes.size()});
  for (size_t i = 0; i < bytes.size(); i += sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, std::min(sizeof word, bytes.size() - i));
    add(word);
  }
}

void Digest::add(std::string_view text) { add(std::as_bytes(std::span(text))); }

std::string Digest::text() const {
  char digits[24];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(state_));
  return digits;
}

}  // namespace nodec::runtime
