// Positions, spans, rendering, the registry of messages and misspelt words.
#include <doctest/doctest.h>

#include <limits>
#include <set>
#include <string>

#include "compiler/source/diagnostics.hpp"
#include "compiler/source/utf8.hpp"

using namespace nodec::source;

namespace {

// What is rendered for one range of a text, without the first line (the message).
std::string marked(const std::string& text, uint32_t begin, uint32_t end) {
  Files files;
  const int32_t file = files.add("f", text);
  Diagnostics diagnostics;
  diagnostics.report(Id::syntax, {file, begin, end}, "x");
  const std::string all = render(files, diagnostics);
  return all.substr(all.find('\n') + 1);
}

}  // namespace

TEST_CASE("positions count lines by line feeds and columns by code points") {
  Files files;
  const int32_t file = files.add("f", "a\r\nθ′ = x\n\n");
  CHECK(files.position(file, 0).line == 1);
  CHECK(files.position(file, 3).line == 2);
  CHECK(files.position(file, 3).column == 1);
  CHECK(files.position(file, 5).column == 2);  // after the two bytes of θ
  CHECK(files.position(file, 9).column == 4);  // after the three of ′ and a blank
  CHECK(files.position(file, 13).line == 3);   // the empty line
  CHECK(files.position(file, 999).line == 4);  // past the end: the end
  CHECK(files.line(file, 1) == "a");
  CHECK(files.line(file, 2) == "θ′ = x");
  CHECK(files.line(file, 4) == "");
  CHECK(files.line(file, 5) == "");
  CHECK(files.place({file, 3, 4}) == "f:2");
  CHECK(files.place({}) == "");
}

TEST_CASE("a byte order mark is no part of the text") {
  Files files;
  const int32_t file = files.add("f",
                                 "\xEF\xBB\xBF"
                                 "ab");
  CHECK(files.text(file) == "ab");
  CHECK(files.position(file, 1).column == 2);
}

TEST_CASE("spans join within a file") {
  CHECK(join({0, 5, 7}, {0, 1, 6}) == Span{0, 1, 7});
  CHECK(join({0, 5, 7}, {1, 1, 6}) == Span{0, 5, 7});
  CHECK(join({}, {1, 1, 6}) == Span{1, 1, 6});
}

TEST_CASE("a diagnostic shows place, severity, text, id and the range") {
  Files files;
  const int32_t file = files.add("m.node", "let θ = foo + 1\n");
  Diagnostics diagnostics;
  diagnostics.report(Id::not_supported_yet, {file, 9, 12}, "'foo'").note({file, 0, 3}, "declared here");
  CHECK(render(files, diagnostics) ==
        "m.node:1:9: error: 'foo' is not supported yet [not_supported_yet]\n"
        "    1 | let θ = foo + 1\n"
        "      |         ^~~\n"
        "m.node:1:1: note: declared here\n"
        "    1 | let θ = foo + 1\n"
        "      | ^~~\n");
}

TEST_CASE("a diagnostic without a place is one line") {
  Files files;
  Diagnostics diagnostics;
  diagnostics.report(Id::cannot_read_file, {}, "a.node", "no such file");
  CHECK(render(files, diagnostics) == "error: cannot read 'a.node': no such file [cannot_read_file]\n");
}

TEST_CASE("marks stand under their characters") {
  CHECK(marked("a\tbc", 2, 4) == "    1 | a   bc\n      |     ^~\n");
  CHECK(marked("漢字 x", 7, 8) == "    1 | 漢字 x\n      |      ^\n");
  CHECK(marked("e\u0301 x", 4, 5) == "    1 | e\u0301 x\n      |   ^\n");
}

TEST_CASE("a range over several lines is marked on its first") {
  CHECK(marked("ab(\ncd)", 2, 7) == "    1 | ab(\n      |   ^\n");
}

TEST_CASE("the end of a file can be pointed at") {
  CHECK(marked("ab", 2, 2) == "    1 | ab\n      |   ^\n");
  CHECK(marked("ab\n", 3, 3) == "    2 |\n      | ^\n");
  CHECK(marked("", 0, 0) == "    1 |\n      | ^\n");
  CHECK(marked("ab", 77, 99) == "    1 | ab\n      |   ^\n");
}

TEST_CASE("nothing in a file reaches the terminal as a command") {
  CHECK(marked("a\x1b[31mb", 7, 8).find('\x1b') == std::string::npos);
  CHECK(marked("\xff\xfe x", 3, 4) == "    1 | \uFFFD\uFFFD x\n      |    ^\n");
  CHECK(marked("a\u202Eb", 4, 5) == "    1 | ab\n      |  ^\n");
}

TEST_CASE("of a long line, the part around the mark is shown") {
  const std::string text = std::string(5'000'000, 'a') + "HERE" + std::string(5'000'000, 'b');
  const std::string shown = marked(text, 5'000'000, 5'000'004);
  CHECK(shown.size() < 400);
  CHECK(shown.find("…aaa") != std::string::npos);
  CHECK(shown.find("bbb…") != std::string::npos);
  const size_t line_end = shown.find('\n');
  // "…" is one column and three bytes.
  CHECK(shown.find("HERE") - 2 == shown.find("^~~~") - line_end - 1);
}

TEST_CASE("the same message at the same place is kept once") {
  Diagnostics diagnostics;
  diagnostics.report(Id::syntax, {0, 1, 2}, "x").note({}, "first");
  diagnostics.report(Id::syntax, {0, 1, 2}, "x").note({}, "again");
  diagnostics.report(Id::syntax, {0, 1, 2}, "y");
  REQUIRE(diagnostics.all().size() == 2);
  CHECK(diagnostics.errors() == 2);
  CHECK(diagnostics.all()[0].notes.size() == 1);
  diagnostics.clear();
  CHECK_FALSE(diagnostics.has_errors());
}

TEST_CASE("errors past the limit are counted") {
  Files files;
  Diagnostics diagnostics;
  for (int i = 0; i < 60; ++i) diagnostics.report(Id::syntax, {}, i);
  CHECK(diagnostics.all().size() == 50);
  CHECK(diagnostics.errors() == 60);
  const std::string all = render(files, diagnostics);
  CHECK(all.ends_with("error: too many errors, 10 more are not shown [too_many_errors]\n"));
}

TEST_CASE("arguments are filled in from left to right, braces in them stay") {
  Diagnostics diagnostics;
  CHECK(diagnostics.report(Id::cannot_read_file, {}, "{}", "b").text == "cannot read '{}': b");
  CHECK(Argument(0.1).text == "0.1");
  CHECK(Argument(1e-9).text == "1e-09");
  CHECK(Argument(std::numeric_limits<double>::infinity()).text == "inf");
}

TEST_CASE("the registry's wordings follow the house style") {
  std::set<std::string_view> ids;
  for (int i = 0; i < message_count(); ++i) {
    const Message& m = message_at(i);
    CAPTURE(m.id);
    CHECK(ids.insert(m.id).second);
    CHECK_FALSE(m.wording.empty());
    CHECK_FALSE(m.wording.ends_with('.'));
    CHECK((m.wording.front() < 'A' || m.wording.front() > 'Z'));
  }
}

TEST_CASE("nearest finds a misspelt word and no far one") {
  const std::vector<std::string> known = {"sigmoid", "softmax", "tanh", "θ_dot", "Q"};
  CHECK(nearest("sigmiod", known) == "sigmoid");
  CHECK(nearest("softmx", known) == "softmax");
  CHECK(nearest("tahn", known) == "tanh");
  CHECK(nearest("θdot", known) == "θ_dot");
  CHECK(nearest("q", known) == "Q");
  CHECK(nearest("x", known) == "");
  CHECK(nearest("relu", known) == "");
  CHECK(nearest("", known) == "");
}

TEST_CASE("UTF-8 is checked as the standard says") {
  CHECK_FALSE(first_invalid_byte("aθ漢\U0001F600"));
  CHECK(first_invalid_byte("ab\x80") == 2);
  CHECK(first_invalid_byte("\xC0\xAF") == 0);          // overlong
  CHECK(first_invalid_byte("\xE0\x80\x80") == 0);      // overlong
  CHECK(first_invalid_byte("\xED\xA0\x80") == 0);      // surrogate
  CHECK(first_invalid_byte("\xF4\x90\x80\x80") == 0);  // past U+10FFFF
  CHECK(first_invalid_byte("a\xE2\x82") == 1);         // cut off
  for (const char32_t c : {U'a', U'θ', U'漢', U'\U0001F600'}) {
    const std::string text = to_utf8(c);
    CHECK(code_point_at(text, 0).value == c);
    CHECK(code_point_at(text, 0).length == text.size());
  }
}

TEST_CASE("a name as long as its file is cut in a message and has no near one") {
  Diagnostics diagnostics;
  std::string name(3'000'000, 'a');
  name.replace(999, 2, "θ");
  const Diagnostic& d = diagnostics.report(Id::unknown_name, {}, "name", name);
  CHECK(d.text == "unknown name '" + std::string(999, 'a') + "…'");
  CHECK(nearest(name, {name + "b", "a"}) == "");
}

TEST_CASE("past the limit errors are only counted") {
  Diagnostics diagnostics;
  for (int i = 0; i < 49; ++i) diagnostics.report(Id::syntax, {}, std::to_string(i));
  CHECK(!diagnostics.full());
  for (int i = 49; i < 60; ++i) diagnostics.report(Id::syntax, {}, std::to_string(i));
  CHECK(diagnostics.full());
  CHECK(diagnostics.errors() == 60);
  CHECK(diagnostics.all().size() == 50);
}

namespace {

// The rows below the marks for corrections of a text: begin, end, replacement.
std::string corrected(const std::string& text, Span at, const std::vector<Fix>& fixes) {
  Files files;
  files.add("f", text);
  Diagnostics diagnostics;
  Diagnostic& d = diagnostics.report(Id::syntax, at, "x");
  for (const Fix& fix : fixes) d.fix(fix.span, fix.text);
  std::string all = render(files, diagnostics);
  for (int line = 0; line < 3; ++line) all = all.substr(all.find('\n') + 1);
  return all;
}

}  // namespace

TEST_CASE("what to write instead stands under the place where it goes") {
  CHECK(corrected("a = b ** c", {0, 6, 8}, {{{0, 6, 8}, "^"}}) == "      |       ^\n");
  CHECK(corrected("z = 2x", {0, 4, 6}, {{{0, 5, 5}, " * "}}) == "      |       *\n");
  CHECK(corrected("a\tθ = x", {0, 2, 4}, {{{0, 7, 8}, "y"}}) ==
        "      |         y\n");  // after a tab and a wide byte
  // Two of one correction share a row where they keep apart, and take a row each where they do not.
  CHECK(corrected("real(2)", {0, 4, 5}, {{{0, 4, 5}, "["}, {{0, 6, 7}, "]"}}) == "      |     [ ]\n");
  CHECK(corrected("f(x)", {0, 0, 1}, {{{0, 0, 1}, "long"}, {{0, 2, 3}, "y"}}) ==
        "      | long\n      |   y\n");
  // Dashes stand under what goes.
  CHECK(corrected("let x: real = 1", {0, 5, 11}, {{{0, 5, 11}, ""}}) == "      |      ------\n");
  // On another line, with that line.
  CHECK(corrected("a\nb c", {0, 0, 1}, {{{0, 4, 5}, "d"}}) == "    2 | b c\n      |   ^\n      |   d\n");
  // Without a place there is nothing to write.
  CHECK(corrected("a", {0, 0, 1}, {{Span{}, "b"}}).empty());
}

TEST_CASE("a note of use goes to the errors inside, and on along the chain of uses") {
  Files files;
  files.add("f", "0123456789");
  Diagnostics diagnostics;
  diagnostics.report(Id::syntax, {0, 1, 2}, "before");
  const size_t since = diagnostics.all().size();
  diagnostics.report(Id::syntax, {0, 1, 2}, "inside");
  diagnostics.report(Id::syntax, {0, 8, 9}, "outside");
  diagnostics.report(Id::unused_name, {0, 1, 2}, "a", "warning");
  diagnostics.note_since(since, {0, 0, 3}, {0, 4, 5}, "first");
  diagnostics.note_since(since, {0, 4, 6}, {0, 7, 8}, "second");
  const auto notes = [&](size_t i) {
    std::string text;
    for (const Note& note : diagnostics.all()[i].notes) text += note.text + ";";
    return text;
  };
  CHECK(notes(0).empty());
  CHECK(notes(1) == "first;second;");
  CHECK(notes(2).empty());
  CHECK(notes(3).empty());
}

TEST_CASE("of two names as near, the one with swapped letters was meant") {
  CHECK(nearest("tahn", {"tan", "tanh"}) == "tanh");
  CHECK(nearest("tahn", {"tanh", "tan"}) == "tanh");
}
