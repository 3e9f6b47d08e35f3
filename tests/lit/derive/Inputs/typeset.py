"""A body of LaTeX -> a page, or LaTeX's complaint."""
import pathlib
import subprocess
import sys

folder = pathlib.Path(sys.argv[2])
folder.mkdir(parents=True, exist_ok=True)
page = "\\documentclass{article}\\usepackage{amsmath,amssymb}\\begin{document}\n%s\n\\end{document}\n"
(folder / "page.tex").write_text(page % pathlib.Path(sys.argv[1]).read_text("utf-8"))
done = subprocess.run(["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"], cwd=folder,
                      capture_output=True, text=True)
sys.exit(done.stdout[-2000:] if done.returncode else 0)
