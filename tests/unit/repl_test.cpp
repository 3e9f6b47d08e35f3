// The prompt without a terminal: where inputs end, what declarations replace and need, what completes a word.
#include <doctest/doctest.h>

#include <cmath>

#include "compiler/driver/repl/blocks.hpp"
#include "compiler/driver/repl/bytes.hpp"
#include "compiler/driver/repl/completion.hpp"
#include "compiler/driver/repl/gathering.hpp"
#include "compiler/driver/repl/history.hpp"
#include "compiler/driver/repl/request.hpp"
#include "compiler/driver/repl/session.hpp"
#include "compiler/driver/repl/values.hpp"
#include "compiler/syntax/statements.hpp"

using namespace nodec;
using namespace nodec::driver;
using syntax::Ending;

namespace {

void declare(Session& session, const std::string& text) {
  const int32_t file = session.add_text("<test>", text);
  source::Diagnostics diagnostics;
  for (const syntax::Statement& statement : syntax::parse_statements(session.files(), file, diagnostics))
    REQUIRE(session.add(statement.declarations, diagnostics));
  REQUIRE(!diagnostics.has_errors());
}

std::vector<std::string> texts(const Session& session) {
  std::vector<std::string> list;
  for (const Entry& entry : session.entries()) list.push_back(entry.text);
  return list;
}

// Names of the entries that are chosen.
std::string chosen(const Session& session, const std::vector<bool>& which) {
  std::string names;
  for (size_t i = 0; i < which.size(); ++i)
    if (which[i])
      names += (names.empty() ? "" : " ") +
               (session.entries()[i].names.empty() ? "use" : session.entries()[i].names[0]);
  return names;
}

std::vector<std::string> inputs(const std::vector<std::string>& lines, bool look_ahead) {
  Gathering gathering("<test>");
  std::vector<std::string> list;
  for (const std::string& line : lines)
    for (const Input& input : gathering.take(line, look_ahead))
      list.push_back(std::to_string(input.line) + ":" + input.text);
  if (const std::optional<Input> last = gathering.finish())
    list.push_back(std::to_string(last->line) + ":" + last->text);
  if (gathering.waiting()) list.push_back("open");
  return list;
}

using Strings = std::vector<std::string>;

Strings completions(const Workspace& workspace, const std::string& line) {
  return complete(workspace, line).words;
}

}  // namespace

TEST_CASE("a text ends with a statement, or goes on") {
  CHECK(syntax::ending("") == Ending::empty);
  CHECK(syntax::ending("  # nothing\n") == Ending::empty);
  CHECK(syntax::ending("1 + 1") == Ending::whole);
  CHECK(syntax::ending("1 +") == Ending::open);
  CHECK(syntax::ending("let x =") == Ending::open);
  CHECK(syntax::ending("let x = [1,\n 2") == Ending::open);
  CHECK(syntax::ending("field f {\n state z: real") == Ending::open);
  CHECK(syntax::ending("field f {\n state z: real\n}") == Ending::whole);
  CHECK(syntax::ending("f(1, # a comment (\n2)") == Ending::whole);
  // More lines would not help.
  CHECK(syntax::ending("f(\"abc") == Ending::whole);
  CHECK(syntax::ending("1 +\n)") == Ending::whole);
  CHECK(syntax::ending("(\xff") == Ending::whole);
  CHECK(syntax::continues("from 0 to 1"));
  CHECK(syntax::continues("  * 2"));
  CHECK(!syntax::continues("x"));
}

TEST_CASE("statements are declarations or expressions, and assignments lets") {
  source::Files files;
  source::Diagnostics diagnostics;
  const auto list = syntax::parse_statements(
      files,
      files.add("", "x = 3; (a, b) = (1, x)\nstate + 1\ndim H = 2, K = 3; solve f(z = 1) from 0\n to 1"),
      diagnostics);
  CHECK(!diagnostics.has_errors());
  REQUIRE(list.size() == 5);
  CHECK(std::get<syntax::Let>(list[0].declarations[0]->node).target.names[0].text == "x");
  CHECK(std::get<syntax::Let>(list[1].declarations[0]->node).target.tuple);
  CHECK(list[2].expression);
  CHECK(list[3].declarations.size() == 2);
  CHECK(std::holds_alternative<syntax::Solve>(list[4].expression->node));
}

TEST_CASE("lines become inputs where statements end") {
  CHECK(inputs({"1", "2"}, false) == Strings{"1:1", "2:2"});
  CHECK(inputs({"x = (1 +", "2)", "x"}, false) == Strings{"1:x = (1 +\n2)", "3:x"});
  CHECK(inputs({"solve f(z = 1)", "", "# then", "from 0 to 1", "2"}, true) ==
        Strings{"1:solve f(z = 1)\n\n# then\nfrom 0 to 1", "5:2"});
  CHECK(inputs({"solve f(z = 1)", "from 0"}, false) == Strings{"1:solve f(z = 1)", "2:from 0"});
  CHECK(inputs({"", "# comment", ":load a(b"}, false) == Strings{"3::load a(b"});
  CHECK(inputs({":solve f(z = 1,", "p = 2)"}, false) == Strings{"1::solve f(z = 1,\np = 2)"});
  CHECK(inputs({"field f {"}, true) == Strings{"open"});
}

TEST_CASE("a declaration takes the place of those whose names it has") {
  Session session;
  declare(session, "# of all\nconst g = 9.81  # m/s^2\nlet a = 1\nfield f { state z: real; z' = -g * z }");
  CHECK(texts(session) ==
        Strings{"# of all\nconst g = 9.81  # m/s^2", "let a = 1", "field f { state z: real; z' = -g * z }"});
  declare(session, "g = 2");
  CHECK(texts(session) == Strings{"let g = 2", "let a = 1", "field f { state z: real; z' = -g * z }"});
  declare(session, "let (p, q) = (1, 2)");
  declare(session, "dim q = 3, r = 4");
  CHECK(texts(session)[4] == "let (p, _) = (1, 2)");
  CHECK(texts(session)[3] == "dim q = 3");
  CHECK(texts(session)[5] == "dim r = 4");
  CHECK(session.remove("a"));
  CHECK(!session.remove("a"));
  source::Diagnostics diagnostics;
  const int32_t file = session.add_text("", "loss 3");
  const auto list = syntax::parse_statements(session.files(), file, diagnostics);
  CHECK(!session.add(list[0].declarations, diagnostics));
}

TEST_CASE("what is needed, and what depends on it") {
  Session session;
  declare(session,
          "use nn\nconst k = 2\ndim H = 3\nparam w: real[H] ~ normal(0, k)\nfield f { state z: real; z' = -k "
          "* z }\n"
          "tableau my { order = 1; c = [0]; a = [[]]; b = [1] }\nlet z = solve f(z = 1) from 0 to 1 by "
          "my(steps = 2)\nlet y = 2 * z\n"
          "model m { output o = sum(w) }");
  CHECK(chosen(session, session.needed({"y"})) == "use k f my z y");
  CHECK(chosen(session, session.needed({"w"})) == "use k H w");
  // The state z of f is not the let of that name.
  CHECK(chosen(session, session.needed({"f"})) == "use k f");
  const auto names = [&](const std::set<std::string>& changed) {
    std::string list;
    for (const size_t i : session.dependents(changed)) list += session.entries()[i].names[0] + " ";
    return list;
  };
  CHECK(names({"k"}) == "w f z y m ");
  CHECK(names({"z"}) == "y ");
  // Lets in the order that they read each other in.
  declare(session, "let z = y0 + 1\nlet y0 = 5");
  std::string order;
  for (const size_t i : session.in_order(session.whole()))
    if (session.entries()[i].is_let()) order += session.entries()[i].names[0] + " ";
  CHECK(order == "y0 z y ");
}

TEST_CASE("the arguments of a solve are its values and clauses") {
  const std::string text = "f(q = (1, 2)[0], q' = 2) from 0 to a + 1, points 5 by rk4(steps = 9) > t.csv";
  const SolveRequest request = read_solve(text);
  const auto of = [&](const Stretch& s) { return text.substr(s.begin, s.end - s.begin); };
  CHECK(request.wrong == "");
  CHECK(request.field == "f");
  CHECK(request.file == "t.csv");
  REQUIRE(request.values.size() == 2);
  CHECK(of(request.values[0].second) == " (1, 2)[0]");
  CHECK(request.values[1].first == "q'");
  CHECK(of(*request.to) == " a + 1");
  CHECK(of(*request.by) == " rk4(steps = 9) ");
  CHECK(!request.at);
  CHECK(read_solve("f q = 1 p = 2 to 3").values.size() == 2);
  CHECK(read_solve("f until 3").wrong != "");
  CHECK(read_solve("").wrong != "");
  CHECK(read_plot("a > b, c over x > y.svg").expressions.size() == 2);
  CHECK(read_plot("a > b, c over x > y.svg").file == "y.svg");
  CHECK(read_plot("sum(over)").expressions.size() == 1);
}

TEST_CASE("numbers stand in columns, of large arrays the ends") {
  CHECK(value_text({{}, {0.1}}, "real", 6) == "real = 0.1");
  CHECK(value_text({{}, {1}}, "bool", 6) == "bool = true");
  CHECK(value_text({{0}, {}}, "real[0]", 6) == "real[0] = []");
  CHECK(value_text({{2, 2}, {1, 22, 3, -4}}, "int[2, 2]", 6) == "int[2, 2] =\n[[ 1, 22],\n [ 3, -4]]");
  CHECK(value_text({{2}, {std::nan(""), -INFINITY}}, "real[2]", 6) == "real[2] = [nan, -inf]");
  Array large{{200}, std::vector<double>(200, 1)};
  CHECK(value_text(large, "real[200]", 6) == "real[200] = [1, 1, 1, …, 1, 1, 1]");
}

TEST_CASE("words are completed by where they stand") {
  Workspace workspace;
  declare(
      workspace.session,
      "field pendulum { state q: real, p: real; q' = p; p' = -q }\nlet pend = 3\nmodel m { output o = 1 }");
  CHECK(completions(workspace, "pend") == Strings{"pend", "pendulum"});
  CHECK(completions(workspace, "solve p") == Strings{"pendulum"});
  CHECK(completions(workspace, "solve pendulum(") == Strings{"p = ", "q = "});
  CHECK(completions(workspace, "solve pendulum(q = 1, p = 0) from 0 to 1 by dop") ==
        Strings{"dop853", "dopri5"});
  CHECK(completions(workspace, "solve pendulum(q = 1) by dopri5(rt") == Strings{"rtol = "});
  CHECK(completions(workspace, "logs") == Strings{"logsumexp"});
  CHECK(completions(workspace, ":ja") == Strings{":jacobian"});
  CHECK(completions(workspace, ":derive pe") == Strings{"pendulum"});
  CHECK(completions(workspace, ":fit m ep") == Strings{"epochs = "});
  CHECK(completions(workspace, ":fit m optimizer = ad") == Strings{"adam", "adamw"});
  CHECK(completions(workspace, ":fit m optimizer = adam(be") == Strings{"beta1 = ", "beta2 = "});
  CHECK(completions(workspace, ":set pre") == Strings{"precision"});
  CHECK(completions(workspace, ":emit t") == Strings{"tile"});
  CHECK(completions(workspace, "use f") == Strings{"flows"});
  CHECK(completions(workspace, "x + xyzzy").empty());
  CHECK(common_beginning({"dop853", "dopri5"}) == "dop");
  CHECK(common_beginning({"α", "β"}) == "");
}

TEST_CASE("what stood on several lines is remembered on one") {
  CHECK(on_one_line("1 + 1") == "1 + 1");
  CHECK(on_one_line("field f {\n  state z: real\n  z' = -z *\n    2\n}") ==
        "field f { state z: real; z' = -z * 2 }");
  CHECK(on_one_line("field f { state z: real\nz' = -z }") == "field f { state z: real; z' = -z }");
  CHECK(on_one_line("let x = [1,\n  2]") == "let x = [1, 2]");
  CHECK(on_one_line("let z = solve f(z = 1)\n  from 0 to 1") == "let z = solve f(z = 1) from 0 to 1");
  CHECK(on_one_line("let x = (1 # one\n)") == "");
}

TEST_CASE("arrays keep their bits on the way between processes") {
  const Arrays arrays = {{"a.b", {{2}, {1.5, -0.0}}}, {"c", {{}, {INFINITY}}}, {"d", {{0, 3}, {}}}};
  const std::string bytes = to_bytes(arrays);
  const Arrays again = from_bytes(bytes);
  REQUIRE(again.size() == 3);
  CHECK(again.at("a.b").shape == std::vector<int64_t>{2});
  CHECK(std::signbit(again.at("a.b").values[1]));
  CHECK(again.at("c").values[0] == INFINITY);
  CHECK(again.at("d").shape == std::vector<int64_t>{0, 3});
  CHECK(from_bytes(bytes.substr(0, bytes.size() - 1)).size() == 2);
  CHECK(from_bytes("").empty());
}

TEST_CASE("curves are drawn in quarters of characters") {
  Panel panel;
  panel.curves.push_back({"z", Curve::Style::line, 0, {0, 1}, {0, 1}, {}, {}});
  const std::string text = blocks({panel}, {22, 2, false});
  CHECK(text ==
        "━ z\n"
        "        1 ┤          ▄▄▄▄▄▄▞▀▀▀\n"
        "        0 ┤▄▄▄▞▀▀▀▀▀▀▘\n"
        "          └────────────────────\n"
        "           0                  1\n");
  panel.curves.push_back({"none", Curve::Style::line, 1, {0, NAN}, {NAN, 1}, {}, {}});
  CHECK(blocks({panel}, {40, 4, true}).find("none") != std::string::npos);
  CHECK(blocks({Panel()}, {40, 4, true}) == "");
}
