// libedit, asked for one line at a time.
#include "compiler/driver/repl/terminal.hpp"

#include <histedit.h>
#include <langinfo.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstring>
#include <cwchar>

#include "compiler/driver/repl/isolated.hpp"

namespace nodec::driver {
namespace {

constexpr int most_remembered = 5000;

volatile sig_atomic_t resized = 0;
void note_resize(int) { resized = 1; }

// What libedit's callbacks find by its client data.
struct Callbacks {
  std::function<Candidates(std::string_view)> complete;
  std::string prompt;
  bool interrupted = false;
};

Callbacks& callbacks_of(EditLine* edited) {
  void* data = nullptr;
  el_get(edited, EL_CLIENTDATA, &data);
  return *static_cast<Callbacks*>(data);
}

char* prompt_of(EditLine* edited) { return callbacks_of(edited).prompt.data(); }

// One character of the terminal; −1 ends the line. libedit's own reader goes on after an interrupt.
int read_character(EditLine* edited, wchar_t* character) {
  std::mbstate_t state{};
  for (;;) {
    constexpr int milliseconds = 200;
    pollfd ready{STDIN_FILENO, POLLIN, 0};
    const int n = ::poll(&ready, 1, milliseconds);
    if (take_interrupt()) {
      callbacks_of(edited).interrupted = true;
      return -1;
    }
    if (resized) {
      resized = 0;
      el_resize(edited);
      el_set(edited, EL_REFRESH);
    }
    if (n <= 0) continue;
    char byte = 0;
    const ssize_t got = ::read(STDIN_FILENO, &byte, 1);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) return static_cast<int>(got);
    const size_t used = std::mbrtowc(character, &byte, 1, &state);
    if (used == static_cast<size_t>(-2)) continue;  // the character has more bytes
    if (used == static_cast<size_t>(-1)) {
      state = {};
      *character = L'\xFFFD';
    }
    return 1;
  }
}

size_t width_of(const std::string& word) {
  return static_cast<size_t>(std::count_if(
      word.begin(), word.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// All candidates, in columns.
void list(const std::vector<std::string>& words) {
  winsize size{};
  const size_t columns =
      ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : size_t{80};
  size_t width = 0;
  for (const std::string& word : words) width = std::max(width, width_of(word) + 2);
  const size_t in_a_row = std::max<size_t>(1, columns / width);
  const size_t rows = (words.size() + in_a_row - 1) / in_a_row;
  std::fputs("\n", stdout);
  for (size_t row = 0; row < rows; ++row) {
    for (size_t i = row; i < words.size(); i += rows) {
      std::fputs(words[i].c_str(), stdout);
      for (size_t pad = width_of(words[i]); i + rows < words.size() && pad < width; ++pad)
        std::fputc(' ', stdout);
    }
    std::fputs("\n", stdout);
  }
  std::fflush(stdout);
}

unsigned char complete_word(EditLine* edited, int) {
  const auto insert = [&](const std::string& text) {
    return static_cast<unsigned char>(el_insertstr(edited, text.c_str()) == 0 ? CC_REFRESH : CC_ERROR);
  };
  const LineInfo* info = el_line(edited);
  const std::string_view before(info->buffer, static_cast<size_t>(info->cursor - info->buffer));
  // Where a line begins, a tab indents.
  if (before.find_first_not_of(" \t") == before.npos) return insert("  ");
  const Candidates found = callbacks_of(edited).complete(before);
  const std::string common = common_beginning(found.words);
  std::string rest = common.substr(std::min(before.size() - found.begin, common.size()));
  if (found.words.size() == 1 && common.starts_with(":")) rest += " ";
  if (!rest.empty()) return insert(rest);
  if (found.words.size() < 2) return CC_ERROR;
  list(found.words);
  return CC_REDISPLAY;
}

// Letters of all scripts, whatever the user's language; numbers are written as ever.
void use_utf8() {
  std::setlocale(LC_CTYPE, "");
  if (std::strcmp(nl_langinfo(CODESET), "UTF-8") != 0) std::setlocale(LC_CTYPE, "C.UTF-8");
}

}  // namespace

struct Terminal::Editor {
  EditLine* line = nullptr;
  History* history = nullptr;
  Callbacks callbacks;

  Editor() = default;
  Editor(const Editor&) = delete;
  ~Editor() {
    if (history) history_end(history);
    if (line) el_end(line);
  }
};

Terminal::Terminal(std::function<Candidates(std::string_view)> complete)
    : editor_(std::make_unique<Editor>()) {
  use_utf8();
  struct sigaction action {};
  action.sa_handler = note_resize;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGWINCH, &action, nullptr);
  editor_->callbacks.complete = std::move(complete);
  EditLine* line = editor_->line = el_init("nodec", stdin, stdout, stderr);
  editor_->history = history_init();
  if (!line || !editor_->history) return;
  HistEvent event;
  ::history(editor_->history, &event, H_SETSIZE, most_remembered);
  ::history(editor_->history, &event, H_SETUNIQUE, 1);
  el_set(line, EL_CLIENTDATA, &editor_->callbacks);
  el_set(line, EL_PROMPT, prompt_of);
  el_set(line, EL_SIGNAL, 0);
  el_set(line, EL_GETCFN, read_character);
  el_set(line, EL_HIST, ::history, editor_->history);
  el_set(line, EL_EDITOR, "emacs");
  el_set(line, EL_ADDFN, "nodec-complete", "complete the word before the cursor", complete_word);
  el_set(line, EL_BIND, "^I", "nodec-complete", nullptr);
  el_set(line, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  for (const auto& [key, function] : {std::pair{"\\e[A", "ed-search-prev-history"},
                                      {"\\eOA", "ed-search-prev-history"},
                                      {"\\e[B", "ed-search-next-history"},
                                      {"\\eOB", "ed-search-next-history"},
                                      {"\\e[H", "ed-move-to-beg"},
                                      {"\\e[F", "ed-move-to-end"},
                                      {"\\e[3~", "ed-delete-next-char"},
                                      {"\\e[1;5C", "em-next-word"},
                                      {"\\e[1;5D", "ed-prev-word"}})
    el_set(line, EL_BIND, key, function, nullptr);
  el_source(line, nullptr);  // ~/.editrc
}

Terminal::~Terminal() = default;

bool Terminal::usable() const { return editor_->line && editor_->history; }

Terminal::Read Terminal::read(const std::string& prompt, std::string& line) {
  editor_->callbacks.prompt = prompt;
  editor_->callbacks.interrupted = false;
  int count = 0;
  const char* text = el_gets(editor_->line, &count);
  if (editor_->callbacks.interrupted) {
    std::fputs("^C\n", stdout);
    std::fflush(stdout);
    return Read::interrupted;
  }
  if (!text || count <= 0) {
    std::fputs("\n", stdout);
    std::fflush(stdout);
    return Read::end;
  }
  line.assign(text, static_cast<size_t>(count));
  while (line.ends_with('\n') || line.ends_with('\r')) line.pop_back();
  return Read::line;
}

void Terminal::remember(const std::string& input) {
  HistEvent event;
  ::history(editor_->history, &event, H_ENTER, input.c_str());
}

}  // namespace nodec::driver
