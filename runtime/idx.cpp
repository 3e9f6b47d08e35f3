// Bytes of an IDX file to an array.
#include "runtime/idx.hpp"

#include <zlib.h>

#include <algorithm>
#include <memory>
#include <optional>

namespace nodec::runtime {
namespace {

bool compressed(std::span<const std::byte> bytes) {
  return bytes.size() >= 2 && bytes[0] == std::byte{0x1f} && bytes[1] == std::byte{0x8b};
}

std::optional<Element> element_of(std::byte code) {
  switch (std::to_integer<int>(code)) {
    case 0x08:
      return Element::u8;
    case 0x09:
      return Element::i8;
    case 0x0b:
      return Element::i16;
    case 0x0c:
      return Element::i32;
    case 0x0d:
      return Element::f32;
    case 0x0e:
      return Element::f64;
    default:
      return std::nullopt;
  }
}

// Bytes one after the other, of a plain or a compressed file.
class Source {
 public:
  explicit Source(std::span<const std::byte> bytes) : bytes_(bytes) {
    if (!compressed(bytes)) return;
    constexpr int gzip_window = 15 + 16;
    stream_.reset(new z_stream{});
    if (inflateInit2(stream_.get(), gzip_window) != Z_OK) broken_ = "zlib does not start";
  }

  // False at an end that comes too early, and when the compressed data are damaged.
  bool read(std::span<std::byte> out) {
    if (!stream_) {
      if (bytes_.size() < out.size()) return false;
      std::copy_n(bytes_.begin(), out.size(), out.begin());
      bytes_ = bytes_.subspan(out.size());
      return true;
    }
    while (!out.empty() && broken_.empty() && !ended_) {
      constexpr size_t most = size_t{1} << 30;
      const size_t in = std::min(bytes_.size(), most), room = std::min(out.size(), most);
      stream_->next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes_.data()));
      stream_->avail_in = static_cast<uInt>(in);
      stream_->next_out = reinterpret_cast<Bytef*>(out.data());
      stream_->avail_out = static_cast<uInt>(room);
      const int state = inflate(stream_.get(), Z_NO_FLUSH);
      bytes_ = bytes_.subspan(in - stream_->avail_in);
      out = out.subspan(room - stream_->avail_out);
      if (state == Z_STREAM_END) {
        // Members may follow each other.
        if (!compressed(bytes_)) {
          ended_ = true;
        } else if (inflateReset(stream_.get()) != Z_OK) {
          broken_ = "its compressed data are damaged";
        }
      } else if (state == Z_BUF_ERROR && bytes_.empty()) {
        return false;
      } else if (state != Z_OK) {
        broken_ = "its compressed data are damaged";
      }
    }
    return out.empty() && broken_.empty();
  }

  // Whether nothing follows; checks the checksum of compressed data.
  bool at_end() {
    std::byte more{};
    if (!stream_) return bytes_.empty();
    return !read(std::span(&more, 1)) && broken_.empty() && ended_;
  }
  const std::string& broken() const { return broken_; }

 private:
  struct End {
    void operator()(z_stream* stream) const {
      inflateEnd(stream);
      delete stream;
    }
  };
  std::span<const std::byte> bytes_;
  std::unique_ptr<z_stream, End> stream_;
  bool ended_ = false;
  std::string broken_;
};

}  // namespace

bool looks_like_idx(std::span<const std::byte> bytes) {
  if (compressed(bytes)) return true;
  return bytes.size() >= 4 && bytes[0] == std::byte{0} && bytes[1] == std::byte{0} &&
         element_of(bytes[2]).has_value();
}

Result<Array> read_idx(const std::string& file, std::span<const std::byte> bytes) {
  const auto bad = [&](const std::string& why) { return error(Problem::malformed, file, "IDX", why); };
  Source source(bytes);
  std::byte magic[4] = {};
  if (!source.read(magic))
    return bad(source.broken().empty() ? "it is shorter than 4 bytes" : source.broken());
  const std::optional<Element> element = element_of(magic[2]);
  if (magic[0] != std::byte{0} || magic[1] != std::byte{0} || !element)
    return bad("its magic number is wrong");
  Array array;
  array.element = *element;
  for (int axes = std::to_integer<int>(magic[3]); axes > 0; --axes) {
    std::byte extent[4] = {};
    if (!source.read(extent)) return bad("its header ends too early");
    int64_t value = 0;
    for (const std::byte b : extent) value = value * 256 + std::to_integer<int>(b);
    array.shape.push_back(value);
  }
  const std::optional<int64_t> count = element_count(array.shape);
  if (!count) return error(Problem::array_too_large, file, file, array.shape);
  const size_t width = element_bytes(*element), wanted = static_cast<size_t>(*count) * width;
  // Deflate shrinks at most 1032 times: what the header asks for is believed no further than that.
  constexpr size_t largest_ratio = 1032;
  if (wanted > bytes.size() * (compressed(bytes) ? largest_ratio : 1))
    return error(Problem::truncated, file, "the array", static_cast<int64_t>(wanted),
                 static_cast<int64_t>(bytes.size()));
  array.bytes.resize(wanted);
  if (!source.read(array.bytes))
    return bad(source.broken().empty() ? "its data end too early" : source.broken());
  if (!source.at_end()) return bad(source.broken().empty() ? "bytes follow its data" : source.broken());
  for (size_t i = 0; width > 1 && i < wanted; i += width)
    std::reverse(array.bytes.begin() + static_cast<std::ptrdiff_t>(i),
                 array.bytes.begin() + static_cast<std::ptrdiff_t>(i + width));
  return array;
}

}  // namespace nodec::runtime
