// A .zip archive to its entries and back (PKWARE APPNOTE 6.3: stored and deflated entries, sizes of 64 bits
// when reading).
#include "runtime/zip.hpp"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <new>
#include <optional>

#include "runtime/bytes.hpp"

namespace nodec::runtime {
namespace {

constexpr uint32_t local_signature = 0x04034b50, central_signature = 0x02014b50, end_signature = 0x06054b50,
                   end64_signature = 0x06064b50, locator64_signature = 0x07064b50;
constexpr size_t local_bytes = 30, central_bytes = 46, end_bytes = 22, locator64_bytes = 20, end64_bytes = 56;
constexpr uint64_t in_extra = 0xffffffff;  // a 32-bit field that says: see the 64-bit extra field

struct Directory {
  uint64_t offset, size, count;
};
struct Record {
  std::string name;
  uint64_t method, flags, checksum, packed, size, header;
  std::span<const std::byte> data;
};

uint32_t checksum(std::span<const std::byte> bytes) {
  return static_cast<uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

class Reader {
 public:
  Reader(const std::string& file, std::span<const std::byte> archive) : file_(file), archive_(archive) {}

  Result<std::vector<ZipEntry>> read(const std::function<bool(const std::string&)>& wanted) const {
    const std::optional<Directory> directory = find_directory();
    if (!directory) return malformed("it has no directory (is it complete?)");
    if (directory->offset > archive_.size() || directory->size > archive_.size() - directory->offset) {
      return malformed("its directory lies outside the file");
    }
    // A record has at least central_bytes, so the count cannot make us reserve more than the file is long.
    if (directory->count > directory->size / central_bytes) return malformed("its directory is too short");
    Result<std::vector<Record>> records = read_records(*directory);
    if (!records) return records.errors();
    if (overlapping(*records)) return malformed("its entries overlap");
    std::vector<ZipEntry> entries;
    for (const Record& record : *records) {
      if (!wanted(record.name)) continue;
      Result<ZipEntry> entry = unpack(record);
      if (!entry) return entry.errors();
      entries.push_back(std::move(*entry));
    }
    return entries;
  }

 private:
  Error malformed(const std::string& why) const { return error(Problem::malformed, file_, ".zip", why); }

  uint64_t field(size_t offset, size_t count) const { return little(archive_, offset, count); }

  std::optional<Directory> find_directory() const {
    if (archive_.size() < end_bytes) return std::nullopt;
    // The end record is last, but for a comment of at most 65535 bytes.
    const size_t last = archive_.size() - end_bytes;
    const size_t first = last > 65535 ? last - 65535 : 0;
    for (size_t at = last + 1; at-- > first;) {
      if (field(at, 4) != end_signature) continue;
      Directory found{field(at + 16, 4), field(at + 12, 4), field(at + 10, 2)};
      if (at < locator64_bytes || field(at - locator64_bytes, 4) != locator64_signature) return found;
      const uint64_t end64 = field(at - locator64_bytes + 8, 8);
      if (end64 > archive_.size() || archive_.size() - end64 < end64_bytes) return std::nullopt;
      if (field(end64, 4) != end64_signature) return std::nullopt;
      return Directory{field(end64 + 48, 8), field(end64 + 40, 8), field(end64 + 32, 8)};
    }
    return std::nullopt;
  }

  Result<std::vector<Record>> read_records(const Directory& directory) const {
    std::vector<Record> records;
    size_t at = directory.offset;
    const size_t end = directory.offset + directory.size;
    for (uint64_t i = 0; i < directory.count; ++i) {
      if (end - at < central_bytes || field(at, 4) != central_signature)
        return malformed("its directory is damaged");
      const size_t name = field(at + 28, 2), extra = field(at + 30, 2), comment = field(at + 32, 2);
      if (end - at - central_bytes < name + extra + comment) return malformed("its directory is damaged");
      Record record;
      record.name.assign(reinterpret_cast<const char*>(archive_.data()) + at + central_bytes, name);
      record.flags = field(at + 8, 2);
      record.method = field(at + 10, 2);
      record.checksum = field(at + 16, 4);
      record.packed = field(at + 20, 4);
      record.size = field(at + 24, 4);
      record.header = field(at + 42, 4);
      read_extra(at + central_bytes + name, extra, record);
      if (record.header > archive_.size() || archive_.size() - record.header < local_bytes ||
          field(record.header, 4) != local_signature) {
        return malformed("entry '" + record.name + "' is not where its directory says");
      }
      const size_t data =
          record.header + local_bytes + field(record.header + 26, 2) + field(record.header + 28, 2);
      if (data > archive_.size() || archive_.size() - data < record.packed) {
        return malformed("entry '" + record.name + "' reaches beyond the end of the file");
      }
      record.data = archive_.subspan(data, record.packed);
      records.push_back(std::move(record));
      at += central_bytes + name + extra + comment;
    }
    return records;
  }

  // Sizes and offset of 64 bits: extra field 1 holds those whose 32-bit fields are full, in this order.
  void read_extra(size_t at, size_t size, Record& record) const {
    const size_t end = at + size;
    while (end - at >= 4) {
      const size_t length = field(at + 2, 2);
      if (end - at - 4 < length) return;
      if (field(at, 2) == 1) {
        size_t next = at + 4;
        const size_t last = next + length;
        for (uint64_t* value : {&record.size, &record.packed, &record.header}) {
          if (*value == in_extra && last - next >= 8) {
            *value = field(next, 8);
            next += 8;
          }
        }
      }
      at += 4 + length;
    }
  }

  bool overlapping(const std::vector<Record>& records) const {
    std::vector<std::pair<size_t, size_t>> ranges;
    for (const Record& record : records) {
      const size_t data = static_cast<size_t>(record.data.data() - archive_.data());
      ranges.emplace_back(record.header, data + record.data.size());
    }
    std::sort(ranges.begin(), ranges.end());
    for (size_t i = 0; i + 1 < ranges.size(); ++i) {
      if (ranges[i + 1].first < ranges[i].second) return true;
    }
    return false;
  }

  Result<ZipEntry> unpack(const Record& record) const {
    constexpr uint64_t encrypted = 1;
    if (record.flags & encrypted) return malformed("entry '" + record.name + "' is encrypted");
    ZipEntry entry{record.name, {}};
    if (record.method == 0) {
      if (record.packed != record.size) return malformed("entry '" + record.name + "' has two sizes");
      entry.stored = record.data;
    } else if (record.method == Z_DEFLATED) {
      // Deflate shrinks at most 1032 times; what claims more is not begun with.
      constexpr uint64_t largest_ratio = 1032;
      if (record.size / largest_ratio > record.packed || !inflate_into(record, entry.bytes))
        return malformed("entry '" + record.name + "' does not decompress to its size");
    } else {
      return error(Problem::unsupported_compression, file_, record.name, record.method);
    }
    const uint32_t found = checksum(entry.contents());
    if (found != record.checksum)
      return error(Problem::checksum, file_, record.name, record.checksum, uint64_t{found});
    return entry;
  }

  static bool inflate_into(const Record& record, std::vector<std::byte>& bytes) {
    z_stream stream{};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return false;
    constexpr size_t step = size_t{1} << 20;  // also keeps zlib's 32-bit counts in range
    size_t consumed = 0, produced = 0;
    int state = Z_OK;
    while (state == Z_OK) {
      if (stream.avail_in == 0) {
        const size_t count = std::min(step, record.data.size() - consumed);
        stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(record.data.data() + consumed));
        stream.avail_in = static_cast<uInt>(count);
        consumed += count;
      }
      if (produced == bytes.size()) {
        // One byte of room beyond the declared size shows an entry that is longer than it says.
        if (produced > record.size) break;
        const uint64_t room = std::min<uint64_t>(record.size + 1, std::max<uint64_t>(2 * produced, step));
        bytes.resize(room);
      }
      const size_t space = std::min(bytes.size() - produced, step);
      stream.next_out = reinterpret_cast<Bytef*>(bytes.data() + produced);
      stream.avail_out = static_cast<uInt>(space);
      const bool starved = stream.avail_in == 0;
      state = ::inflate(&stream, Z_NO_FLUSH);
      produced += space - stream.avail_out;
      if (starved && state == Z_OK && stream.avail_out == space) break;
    }
    inflateEnd(&stream);
    bytes.resize(produced);
    return state == Z_STREAM_END && produced == record.size;
  }

  const std::string& file_;
  std::span<const std::byte> archive_;
};

// Deflates at zlib's default level; the raw stream that .zip wants has no header.
std::vector<std::byte> deflated(std::span<const std::byte> bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();
  }
  std::vector<std::byte> packed(deflateBound(&stream, static_cast<uLong>(bytes.size())));
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  ::deflate(&stream, Z_FINISH);
  packed.resize(packed.size() - stream.avail_out);
  deflateEnd(&stream);
  return packed;
}

// What the local header and the directory say alike: from "version needed" to the length of the extra field.
void append_description(std::vector<std::byte>& out, const ZipEntry& entry, bool deflate, uint32_t check,
                        size_t packed) {
  constexpr uint64_t version = 20, utf8_name = 0x800;
  constexpr uint64_t time = 0, date = 1 << 5 | 1;  // 1980-01-01: the same arrays give the same file
  append_little(out, version, 2);
  append_little(out, utf8_name, 2);
  append_little(out, deflate ? Z_DEFLATED : 0, 2);
  append_little(out, time, 2);
  append_little(out, date, 2);
  append_little(out, check, 4);
  append_little(out, packed, 4);
  append_little(out, entry.bytes.size(), 4);
  append_little(out, entry.name.size(), 2);
  append_little(out, 0, 2);
}

void append_text(std::vector<std::byte>& out, const std::string& text) {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(text));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace

Result<std::vector<ZipEntry>> read_zip(const std::string& file, std::span<const std::byte> archive,
                                       const std::function<bool(const std::string& name)>& wanted) {
  try {
    return Reader(file, archive).read(wanted);
  } catch (const std::bad_alloc&) {
    return error(Problem::out_of_memory, file, "its arrays");
  }
}

Result<std::vector<std::byte>> write_zip(const std::string& file, std::span<const ZipEntry> entries,
                                         bool deflate) {
  constexpr size_t limit = std::numeric_limits<int32_t>::max();
  std::vector<std::byte> out, directory;
  try {
    for (const ZipEntry& entry : entries) {
      const std::vector<std::byte> packed =
          deflate && entry.bytes.size() < limit ? deflated(entry.bytes) : std::vector<std::byte>();
      const std::span<const std::byte> data = deflate ? std::span<const std::byte>(packed) : entry.bytes;
      if (entry.bytes.size() >= limit || out.size() + data.size() >= limit || entry.name.size() > 65535) {
        return error(Problem::format_limit, file, entry.name, uint64_t{entry.bytes.size()});
      }
      const uint32_t check = checksum(entry.bytes);
      append_little(directory, central_signature, 4);
      append_little(directory, 20, 2);
      append_description(directory, entry, deflate, check, data.size());
      append_little(directory, 0, 8);  // comment, disk, attributes
      append_little(directory, 0, 2);
      append_little(directory, out.size(), 4);
      append_text(directory, entry.name);
      append_little(out, local_signature, 4);
      append_description(out, entry, deflate, check, data.size());
      append_text(out, entry.name);
      out.insert(out.end(), data.begin(), data.end());
    }
    if (entries.size() > 65535) return error(Problem::cannot_write, file, "more than 65535 arrays");
    const size_t start = out.size();
    out.insert(out.end(), directory.begin(), directory.end());
    append_little(out, end_signature, 4);
    append_little(out, 0, 4);
    append_little(out, entries.size(), 2);
    append_little(out, entries.size(), 2);
    append_little(out, directory.size(), 4);
    append_little(out, start, 4);
    append_little(out, 0, 2);
  } catch (const std::bad_alloc&) {
    return error(Problem::out_of_memory, file, "its arrays");
  }
  return out;
}

}  // namespace nodec::runtime
