// Writes the header of a library (see c_header.hpp).
#include "compiler/embed/c_header.hpp"

#include <algorithm>
#include <cstdio>

#include "compiler/embed/c_names.hpp"

namespace nodec {
const char* version();
}

namespace nodec::embed {
namespace {

using schedule::Interface;

// What stands between the marks of a comment may not end it.
std::string safe(std::string text) {
  for (size_t at = 0; at + 1 < text.size(); ++at)
    if ((text[at] == '*' && text[at + 1] == '/') || (text[at] == '/' && text[at + 1] == '*'))
      text.insert(at + 1, " ");
  return text;
}

std::string bound(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.17g", x);
  return text;
}

class Header {
 public:
  explicit Header(const HeaderFacts& facts)
      : facts_(facts),
        prefix_(facts.prefix),
        upper_(upper_case(facts.prefix)),
        real_(facts.double_precision ? "double" : "float") {}

  std::string write() {
    opening();
    codes();
    parameters();
    inputs();
    for (const codegen::Library::Entry& entry : facts_.library.entries) results(entry);
    failure();
    for (const codegen::Library::Entry& entry : facts_.library.entries) functions(entry);
    line("");
    line("#ifdef __cplusplus");
    line("}");
    line("#endif");
    line("");
    line("#endif");
    return std::move(out_);
  }

 private:
  void line(const std::string& text) { out_ += text + "\n"; }
  void note(const std::string& text) { line("/* " + safe(text) + " */"); }
  void member(const std::string& declaration, const std::string& comment) {
    line("  " + declaration + ";" + (comment.empty() ? "" : " /* " + safe(comment) + " */"));
  }

  const Interface& interface_of(const codegen::Library::Entry& entry) const {
    return entry.variants.back().program->interface;
  }

  // [samples][T][2]
  static std::string shape(const std::vector<graph::Extent>& extents, bool per_sample) {
    std::string text = per_sample ? "[samples]" : "";
    for (const graph::Extent& e : extents) text += "[" + e.text() + "]";
    return text.empty() ? "one number" : text;
  }

  void opening() {
    const std::string guard = upper_ + "_H";
    line("/* The model '" + safe(facts_.model.name) + "' of " + safe(facts_.source) + ", made by nodec " +
         version() + ".");
    line(" *");
    line(" * Reals are " + real_ + ". Arrays are row-major, one sample after the other.");
    line(" * Made for the processor " + facts_.processor +
         ": on one that lacks its instructions the program ends.");
    line(facts_.needs_libm
             ? " * That processor lacks multiply-adds or roundings, which libm has: link with -lm."
             : " * Nothing but memcpy, memmove and memset is needed to link.");
    if (facts_.samples > 0)
      line(" * The code suits calls of about " + std::to_string(facts_.samples) +
           " samples; any number works.");
    line(" *");
    line(" * The bits are those of `nodec eval` and `nodec grad` with the same options.");
    line(" *");
    line(
        " * All functions are reentrant: they write to the results, the failure and the workspace that they "
        "are");
    line(
        " * given, and to nothing else. Threads need a workspace each. What one call leaves in a workspace "
        "no");
    line(" * other reads.");
    line(" */");
    line("#ifndef " + guard);
    line("#define " + guard);
    line("");
    line("#include <stddef.h>");
    line("");
    line("#ifdef __cplusplus");
    line("extern \"C\" {");
    line("#endif");
  }

  void codes() {
    line("");
    note(
        "What the functions return. From 1 to 5 a sample failed: the others' results are right, and the "
        "failure says which, where "
        "and when.");
    const std::pair<const char*, const char*> list[] = {
        {"OK 0", ""},
        {"STEP_UNDERFLOW 1",
         "steps became too small: the solution blows up or is stiff; loosen the tolerance"},
        {"NOT_FINITE 2", "a state became infinite or NaN: the equation left its domain, or blew up"},
        {"STEP_LIMIT 3", "max_steps were not enough: stiff, or a tolerance that is too tight"},
        {"INDEX_OUT_OF_RANGE 4", "an index that was computed lies outside its array"},
        {"TIMES_NOT_MONOTONE 5", "the times of a solve are not in order, or not finite"},
        {"WORKSPACE_TOO_SMALL 6", "give more bytes: a solve took more steps than they hold"},
        {"BAD_ARGUMENT 7", "a null pointer, or a negative or impossible length; nothing was done"},
        {"INTEGER_OUT_OF_RANGE 8", "an input that is an integer lies outside its range; nothing was done"}};
    for (const auto& [code, meaning] : list)
      line("#define " + upper_ + "_" + code + (*meaning ? std::string(" /* ") + meaning + " */" : ""));
  }

  void parameters() {
    const std::vector<Interface::Parameter>& list = interface_of(facts_.library.entries.back()).parameters;
    if (!facts_.library.parameters) return;
    int64_t count = 0;
    for (const Interface::Parameter& p : list) count = std::max(count, p.offset + p.size);
    line("");
    note("How many parameters there are, and where each begins.");
    line("#define " + upper_ + "_PARAMETERS " + std::to_string(count));
    CScope scope;
    for (const Interface::Parameter& p : list) {
      const auto declared = std::find_if(facts_.model.parameters.begin(), facts_.model.parameters.end(),
                                         [&](const semantics::ParameterDecl& d) { return d.path == p.path; });
      std::string comment = p.path;
      if (declared != facts_.model.parameters.end()) {
        comment += ": " + declared->type.text();
        if (declared->interval)
          comment += " in (" + bound(declared->interval->lo) + ", " + bound(declared->interval->hi) + ")";
      }
      line("#define " + upper_ + "_AT_" + scope.add(p.path) + " " + std::to_string(p.offset) + " /* " +
           safe(comment) + " */");
    }
    line("");
    note("The values that the model was compiled with.");
    line("extern const " + real_ + " " + facts_.library.weights_name + "[" + upper_ + "_PARAMETERS];");
  }

  bool shared(const std::string& name) const {
    for (const codegen::Library::Entry& entry : facts_.library.entries)
      for (const Interface::Data& d : interface_of(entry).data)
        if (d.name == name) return d.shared;
    return false;
  }

  std::string noise_comment(int stream) const {
    for (const codegen::Library::Entry& entry : facts_.library.entries)
      for (const Interface::Noise& n : interface_of(entry).noise)
        if (n.stream == stream)
          return std::string("[samples][") + n.size.text() + "], draws of " +
                 (n.distribution == graph::Distribution::normal ? "N(0, 1)" : "[0, 1)");
    return "";
  }

  std::string noise_name(int stream) const {
    for (const semantics::SampleDecl& s : facts_.model.samples)
      if (s.stream == stream) return "noise_" + s.name;
    return "noise_" + std::to_string(stream);
  }

  void inputs() {
    CScope scope;
    line("");
    note("What a call reads.");
    line("struct " + prefix_ + "_inputs {");
    member("ptrdiff_t " + scope.add("samples"), "how many; 0 or more");
    for (const std::string& name : facts_.library.lengths)
      member("ptrdiff_t " + scope.add(name), "length " + name + ", of all samples");
    const std::string pointer = "const " + real_ + " *";
    if (facts_.library.parameters) member(pointer + scope.add("parameters"), "[" + upper_ + "_PARAMETERS]");
    for (const std::string& name : facts_.library.data) {
      const auto declared = std::find_if(facts_.model.data.begin(), facts_.model.data.end(),
                                         [&](const semantics::DataDecl& d) { return d.name == name; });
      const bool one = shared(name);
      std::string comment = shape(declared->type.shape, !one);
      if (one) comment += ", for all samples";
      if (declared->bounds)
        comment += ", integers from " + declared->bounds->first.text() + " to below " +
                   declared->bounds->second.text();
      else if (declared->type.element == graph::Element::integer)
        comment += ", integers";
      if (declared->missing) comment += ", NaN where missing";
      member(pointer + scope.add(name), comment);
    }
    for (const int stream : facts_.library.noise)
      member(pointer + scope.add(noise_name(stream)), noise_comment(stream));
    line("};");
  }

  void results(const codegen::Library::Entry& entry) {
    const bool gradient = entry.unknown_when_failed;
    const Interface& interface = interface_of(entry);
    CScope scope;
    line("");
    note(gradient
             ? "What the gradient writes: all of them. Of failed samples it is NaN, as are then the loss and "
               "what all samples share."
             : "What the solution writes: all of them.");
    line("struct " + entry.name + "_results {");
    for (const std::string& key : entry.results) {
      if (key == codegen::Library::all_parameters) {
        member(real_ + " *" + scope.add("parameters"), "[" + upper_ + "_PARAMETERS], of the mean loss");
        continue;
      }
      const auto result = std::find_if(interface.results.begin(), interface.results.end(),
                                       [&](const Interface::Result& r) { return r.name == key; });
      const size_t colon = key.find(':');
      const std::string name = key.substr(colon == std::string::npos ? 0 : colon + 1);
      const std::string kind = colon == std::string::npos ? "" : key.substr(0, colon);
      std::string comment = shape(result->shape, result->per_sample);
      if (kind == "data") comment += ", of the mean loss by the input";
      if (kind == "mean") comment += ", the mean over samples";
      if (kind.empty() && !result->per_sample) comment += ", the same for all samples";
      member(real_ + " *" +
                 scope.add(kind == "metric"                                     ? "metric_" + name
                           : kind.empty() && key == "loss" && facts_.model.loss ? "sample_loss"
                                                                                : name),
             comment);
    }
    line("};");
  }

  void failure() {
    const Interface& interface = interface_of(facts_.library.entries.back());
    line("");
    note("The first sample that failed.");
    line("struct " + prefix_ + "_failure {");
    member("ptrdiff_t sample", "-1: none");
    member("ptrdiff_t failed", "how many samples did");
    member("double t", "when");
    member("double h", "the step; of TIMES_NOT_MONOTONE the time before");
    member("int code", "as above");
    member("int solve", "which of those below; of INDEX_OUT_OF_RANGE which index");
    member("int state", "which element of its states; -1: not known");
    member("int steps", "steps so far; of INDEX_OUT_OF_RANGE the index, of TIMES_NOT_MONOTONE which time");
    line("};");
    for (size_t n = 0; n < interface.solves.size(); ++n) {
      const Interface::Solve& solve = interface.solves[n];
      std::string states;
      for (size_t e = 0; e < solve.elements.size() && e < 16; ++e)
        states += (e > 0 ? ", " : "") + solve.elements[e];
      if (solve.elements.size() > 16) states += ", ...";
      note("solve " + std::to_string(n) + ": " + solve.field + ", " + solve.place + ": " + states);
    }
    for (size_t n = 0; n < interface.places.size(); ++n)
      note("index " + std::to_string(n) + ": " + interface.places[n]);
  }

  void functions(const codegen::Library::Entry& entry) {
    const bool gradient = entry.unknown_when_failed;
    const bool tapes = std::any_of(entry.variants.begin(), entry.variants.end(),
                                   [](const auto& v) { return v.program->interface.tapes > 0; });
    line("");
    line(std::string("/* ") +
         (gradient ? "The loss and its gradient." : "The outputs, and the loss if there is one."));
    line(" * `workspace` is any memory of `bytes` bytes; `failure` may be null. */");
    line("int " + entry.name + "(const struct " + prefix_ + "_inputs *inputs, const struct " + entry.name +
         "_results *results,");
    line(std::string(entry.name.size() + 5, ' ') + "void *workspace, size_t bytes, struct " + prefix_ +
         "_failure *failure);");
    if (tapes)
      note(
          "The bytes of a workspace in which every solve of a sample may take `steps` steps. Of the inputs "
          "it reads samples "
          "and lengths.");
    else
      note(
          "The bytes of a workspace, however many `steps` solves take. Of the inputs it reads samples and "
          "lengths.");
    line("size_t " + entry.name + "_workspace(const struct " + prefix_ + "_inputs *inputs, size_t steps);");
  }

  const HeaderFacts& facts_;
  const std::string prefix_, upper_, real_;
  std::string out_;
};

}  // namespace

std::string c_header(const HeaderFacts& facts) { return Header(facts).write(); }

}  // namespace nodec::embed
