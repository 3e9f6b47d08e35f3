// Diagnostics -> JSON.
#include "compiler/driver/json.hpp"

namespace nodec::driver {
namespace {

using nlohmann::ordered_json;

const char* word(Severity severity) {
  return severity == Severity::error ? "error" : severity == Severity::warning ? "warning" : "remark";
}

ordered_json to_json(const Place& place) {
  return {{"file", place.file},
          {"line", place.line},
          {"column", place.column},
          {"end_line", place.end_line},
          {"end_column", place.end_column}};
}

template <class Item>
ordered_json with_text(const std::vector<Item>& items) {
  ordered_json list = ordered_json::array();
  for (const Item& item : items) {
    ordered_json one = to_json(item.place);
    one["text"] = item.text;
    list.push_back(std::move(one));
  }
  return list;
}

}  // namespace

ordered_json to_json(const std::vector<Diagnostic>& diagnostics) {
  ordered_json list = ordered_json::array();
  for (const Diagnostic& d : diagnostics)
    list.push_back({{"severity", word(d.severity)},
                    {"id", d.id},
                    {"file", d.file},
                    {"line", d.line},
                    {"column", d.column},
                    {"end_line", d.end_line},
                    {"end_column", d.end_column},
                    {"text", d.text},
                    {"notes", with_text(d.notes)},
                    {"corrections", with_text(d.corrections)}});
  return list;
}

}  // namespace nodec::driver
