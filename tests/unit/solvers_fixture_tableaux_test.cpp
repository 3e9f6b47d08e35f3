// Tableaux in FSAL form for the tests of the solvers, with their sources.
#include <cmath>

#include "tests/unit/solvers_fixture.hpp"

namespace nodec::solvers_fixture {

namespace {

// Cubic Hermite interpolation of a step from its ends' derivatives.
void interpolate_by_hermite(Tableau& rk) {
  rk.interpolant.assign(rk.b.size(), {});
  for (size_t i = 0; i < rk.b.size(); ++i) {
    std::vector<double> row{0, 3 * rk.b[i], -2 * rk.b[i]};
    if (i == 0) row[0] += 1, row[1] -= 2, row[2] += 1;
    if (i + 1 == rk.b.size()) row[1] -= 1, row[2] += 1;
    rk.interpolant[i] = row;
  }
}

Tableau with_end(Tableau rk) {
  rk.a.push_back(rk.b);
  rk.b.push_back(0);
  rk.c.push_back(1);
  if (!rk.error.empty()) rk.error.push_back(0);
  rk.fsal_added = true;
  rk.main_stages = static_cast<int>(rk.c.size());
  interpolate_by_hermite(rk);
  return rk;
}

}  // namespace

Tableau euler() {
  Tableau rk;
  rk.name = "euler", rk.order = 1;
  rk.c = {0}, rk.a = {{}}, rk.b = {1};
  return with_end(rk);
}

Tableau heun() {
  Tableau rk;
  rk.name = "heun", rk.order = 2, rk.embedded_order = 1;
  rk.c = {0, 1}, rk.a = {{}, {1}}, rk.b = {0.5, 0.5}, rk.error = {-0.5, 0.5};
  return with_end(rk);
}

Tableau rk4() {
  Tableau rk;
  rk.name = "rk4", rk.order = 4;
  rk.c = {0, 0.5, 0.5, 1}, rk.a = {{}, {0.5}, {0, 0.5}, {0, 0, 1}};
  rk.b = {1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6};
  return with_end(rk);
}

// Bogacki, Shampine 1989.
Tableau bosh3() {
  Tableau rk;
  rk.name = "bosh3", rk.order = 3, rk.embedded_order = 2;
  rk.c = {0, 0.5, 0.75, 1};
  rk.b = {2.0 / 9, 1.0 / 3, 4.0 / 9, 0};
  rk.a = {{}, {0.5}, {0, 0.75}, {2.0 / 9, 1.0 / 3, 4.0 / 9}};
  rk.error = {2.0 / 9 - 7.0 / 24, 1.0 / 3 - 1.0 / 4, 4.0 / 9 - 1.0 / 3, -1.0 / 8};
  rk.main_stages = 4;
  interpolate_by_hermite(rk);
  return rk;
}

// Dormand, Prince 1980; interpolant: Shampine 1986.
Tableau dopri5() {
  Tableau rk;
  rk.name = "dopri5", rk.order = 5, rk.embedded_order = 4;
  rk.c = {0, 1.0 / 5, 3.0 / 10, 4.0 / 5, 8.0 / 9, 1, 1};
  rk.b = {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84, 0};
  rk.a = {{},
          {1.0 / 5},
          {3.0 / 40, 9.0 / 40},
          {44.0 / 45, -56.0 / 15, 32.0 / 9},
          {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729},
          {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656},
          {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84}};
  const std::vector<double> embedded{5179.0 / 57600, 0,       7571.0 / 16695, 393.0 / 640, -92097.0 / 339200,
                                     187.0 / 2100,   1.0 / 40};
  for (int i = 0; i < 7; ++i) rk.error.push_back(rk.b[i] - embedded[i]);
  rk.interpolant = {
      {1, -8048581381.0 / 2820520608, 8663915743.0 / 2820520608, -12715105075.0 / 11282082432},
      {},
      {0, 131558114200.0 / 32700410799, -68118460800.0 / 10900136933, 87487479700.0 / 32700410799},
      {0, -1754552775.0 / 470086768, 14199869525.0 / 1410260304, -10690763975.0 / 1880347072},
      {0, 127303824393.0 / 49829197408, -318862633887.0 / 49829197408, 701980252875.0 / 199316789632},
      {0, -282668133.0 / 205662961, 2019193451.0 / 616988883, -1453857185.0 / 822651844},
      {0, 40617522.0 / 29380423, -110615467.0 / 29380423, 69997945.0 / 29380423}};
  rk.main_stages = 7;
  return rk;
}

// Tsitouras 2011.
Tableau tsit5() {
  Tableau rk;
  rk.name = "tsit5", rk.order = 5, rk.embedded_order = 4;
  rk.c = {0, 0.161, 0.327, 0.9, 0.9800255409045097, 1, 1};
  rk.b = {0.09646076681806523, 0.01, 0.4798896504144996, 1.379008574103742, -3.290069515436081,
          2.324710524099774,   0};
  rk.a = {
      {},
      {0.161},
      {-0.008480655492356989, 0.335480655492357},
      {2.8971530571054935, -6.359448489975075, 4.3622954328695815},
      {5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525},
      {5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401, -0.028269050394068383},
      {0.09646076681806523, 0.01, 0.4798896504144996, 1.379008574103742, -3.290069515436081,
       2.324710524099774}};
  rk.error = {-0.00178001105222577714, -0.0008164344596567469, 0.007880878010261995, -0.1447110071732629,
              0.5823571654525552,      -0.45808210592918697,   0.015151515151515152};
  rk.interpolant = {{1, -2.763706197274826, 2.9132554618219126, -1.0530884977290216},
                    {0, 0.13169999999999998, -0.2234, 0.1017},
                    {0, 3.9302962368947516, -5.941033872131505, 2.490627285651253},
                    {0, -12.411077166933676, 30.33818863028232, -16.548102889244902},
                    {0, 37.50931341651104, -88.1789048947664, 47.37952196281928},
                    {0, -27.896526289197286, 65.09189467479366, -34.87065786149661},
                    {0, 1.5, -4, 2.5}};
  rk.main_stages = 7;
  return rk;
}

}  // namespace nodec::solvers_fixture
