#include "server/pages/jobs_page.h"

#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "core/base/text.h"
#include "server/pages/charts.h"
#include "server/pages/parts.h"

namespace penstock::server::pages {
namespace {

using Parameters = std::vector<std::pair<std::string, std::string>>;

const std::vector<Option> kStates = {{"", "any"},
                                     {"claimed", "claimed"},
                                     {"acknowledged", "acknowledged"},
                                     {"running", "running"},
                                     {"reporting", "reporting"},
                                     {"succeeded", "succeeded"},
                                     {"failed", "failed"},
                                     {"lost", "lost"}};
// In the order in which they happen; others come after them, by name.
constexpr std::array<std::string_view, 9> kPhases = {"wait",  "fetch", "download", "unpack", "run",
                                                     "stack", "zip",   "pack",     "upload"};

Parameters parameters_of(const store::JobQuery& query, const std::string& cursor) {
  return {{"pipeline", query.pipeline.value_or("")},
          {"state", query.state ? std::string(store::to_string(*query.state)) : ""},
          {"pipelineExecutionId", query.pipeline_execution_id.value_or("")},
          {"cursor", cursor}};
}

bool has_filters(const store::JobQuery& query) {
  return query.pipeline || query.state || query.pipeline_execution_id;
}

Html filter_form(const store::JobQuery& query) {
  return element(
      "form",
      {{"method", "get"}, {"action", "/jobs"}, {"class", "filters"}, {"role", "search"}, {"aria-label", "Jobs"}},
      {element("div", {{"class", "fields"}},
               {text_field("pipeline", "Pipeline", query.pipeline.value_or("")),
                text_field("pipelineExecutionId", "Execution", query.pipeline_execution_id.value_or(""), "id"),
                choice_field("state", "State", query.state ? store::to_string(*query.state) : "", kStates)}),
       element("div", {{"class", "actions"}},
               {element("button", {{"type", "submit"}}, {"Filter"}),
                has_filters(query) ? element("a", {{"href", "/jobs"}, {"class", "button plain"}}, {"Show all"})
                                   : Html()})});
}

double seconds_between(Timestamp from, Timestamp to) {
  return std::max(0.0, std::chrono::duration<double>(to - from).count());
}

void add_row(Table& table, const store::Job& job, Timestamp now) {
  Html what = element("a", {{"href", path_to("jobs", job.id)}, {"class", "row-link"}},
                      {job.pipeline.empty() ? job.action_type : job.pipeline});
  const std::string where = job.stage.empty() ? job.action : job.stage + " / " + job.action;
  if (!where.empty()) what += element("span", {{"class", "quiet small block"}}, {where});
  table.add_row(job.id,
                {what, state_badge(job.state), Html(short_ref(job.ref)), commit(job.commit_id),
                 element("span", {{"class", "clamp"}}, {job.failure_message}),
                 job.finished_at ? Html(duration_text(seconds_between(job.claimed_at, *job.finished_at))) : Html(),
                 age_with_time(job.claimed_at, now)});
}

Html nothing(const store::JobQuery& query, const std::string& next_cursor) {
  if (!next_cursor.empty()) {
    return empty_state("Nothing found so far.", Html("The search takes long; it goes on where it stopped with Older."));
  }
  if (has_filters(query) || !query.cursor.empty()) {
    return empty_state("No job fits these filters.",
                       join({"Take one of them away, or ", link_to("/jobs", "show all jobs"), "."}));
  }
  return empty_state("No job has been claimed yet.",
                     join({"They come from CodePipeline, for the action types under ", code("workers"), "."}));
}

std::size_t rank(const std::string& phase) {
  return static_cast<std::size_t>(std::find(kPhases.begin(), kPhases.end(), phase) - kPhases.begin());
}

Html timeline(const JobView& view) {
  const store::Job& job = view.job;
  Timeline drawn{
      .id = "timeline", .phases = {}, .total = seconds_between(job.claimed_at, job.finished_at.value_or(view.now))};
  drawn.is_running = !is_over(job);
  double sum = 0;
  for (const auto& [name, seconds] : job.phases) {
    drawn.phases.push_back({name, seconds});
    sum += seconds;
  }
  std::stable_sort(drawn.phases.begin(), drawn.phases.end(),
                   [](const auto& a, const auto& b) { return rank(a.name) < rank(b.name); });
  if (drawn.phases.empty()) {
    return element("p", {{"class", "quiet"}},
                   {drawn.is_running ? "No phase has ended yet." : "No phases were recorded."});
  }
  if (drawn.total - sum > 0.02 * drawn.total && drawn.total - sum > 0.001)
    drawn.phases.push_back({"other", drawn.total - sum});
  return draw(drawn);
}

Html log_item(const store::LogLine& line) {
  const std::string time = format_rfc3339(line.time);
  return element("li", {element("time", {{"datetime", time}}, {time.size() > 23 ? time.substr(11, 12) : time}),
                        element("span", {line.text})});
}

Html log_section(const JobView& view) {
  Html lines;
  for (const store::LogLine& line : view.log) lines += log_item(line);
  const std::string log_path = path_to("api/v1/jobs", view.job.id, "log");
  const bool follow = !is_over(view.job) && !view.log_goes_on;
  std::vector<Attribute> attributes;
  if (follow) {
    attributes.push_back({"data-follow", log_path});
    attributes.push_back({"data-last", std::to_string(view.log.empty() ? 0 : view.log.back().sequence)});
  }
  Html state = element("p", {{"class", "quiet small"}, {"data-log-state", "on"}, {"role", "status"}},
                       {follow ? Html("The job goes on; load the page again to see more.") : Html()});
  Html content = lines.empty() && !follow
                     ? element("p", {{"class", "quiet"}}, {"Nothing was logged."})
                     : element("div", {{"class", "log"}, {"tabindex", "0"}, {"role", "log"}, {"aria-label", "Lines"}},
                               {element("ol", attributes, lines)});
  if (view.log_goes_on) content += element("p", {"Only the beginning is shown."});
  return section("log", "Log", join({state, content, element("p", {link_to(log_path, "All of it as text")})}));
}

Html facts(const JobView& view) {
  const store::Job& job = view.job;
  Facts facts;
  const std::string pipeline = view.links.pipeline(job.pipeline);
  facts.add("Pipeline", pipeline.empty() ? Html(job.pipeline) : external_link(pipeline, job.pipeline));
  facts.add_text("Stage and action", job.stage.empty() ? job.action : job.stage + " / " + job.action);
  facts.add("Claimed", time_with_age(job.claimed_at, view.now));
  if (job.finished_at) facts.add("Finished", time_with_age(*job.finished_at, view.now));
  facts.add_text("Took", duration_text(seconds_between(job.claimed_at, job.finished_at.value_or(view.now))));
  if (!job.work_state.empty()) facts.add_text("Work after the answer", job.work_state);
  if (job.continuation_of) {
    facts.add("Continues",
              join({"the job ", link_to(path_to("jobs", *job.continuation_of), code(*job.continuation_of))}));
  }
  if (!job.ref.empty()) facts.add("Ref", code(job.ref));
  if (!job.commit_id.empty()) facts.add("Commit", code(job.commit_id));
  if (job.delivery_id) facts.add("Delivery", link_to(path_to("deliveries", *job.delivery_id), code(*job.delivery_id)));
  if (!job.pipeline_execution_id.empty()) {
    const std::string execution = view.links.execution(job.pipeline, job.pipeline_execution_id);
    facts.add("Execution", execution.empty() ? code(job.pipeline_execution_id)
                                             : external_link(execution, job.pipeline_execution_id));
  }
  if (!job.artifact_key.empty()) {
    facts.add("Artifact", join({code("s3://" + job.artifact_bucket + "/" + job.artifact_key), " ",
                                element("span", {{"class", "quiet"}},
                                        {bytes_text(job.artifact_bytes) + ", " + count_text(job.artifact_entries) +
                                         (job.artifact_entries == 1 ? " file" : " files")})}));
  }
  facts.add_text("Action type", job.action_type);
  facts.add("CodePipeline's id", code(job.job_id));
  facts.add("Id", code(job.id));
  return facts.build();
}

}  // namespace

bool is_over(const store::Job& job) noexcept {
  const bool is_answered = job.state == store::JobState::kSucceeded || job.state == store::JobState::kFailed ||
                           job.state == store::JobState::kLost;
  return is_answered && job.work_state != store::kWorkRunning;
}

store::JobQuery read_job_query(const Parameters& parameters) {
  store::JobQuery query;
  for (const auto& [name, given] : parameters) {
    const std::string value(trim(given));
    if (value.empty()) continue;
    if (name == "pipeline") {
      query.pipeline = value;
    } else if (name == "pipelineExecutionId") {
      query.pipeline_execution_id = value;
    } else if (name == "cursor") {
      query.cursor = value;
    } else if (name == "state") {
      query.state = store::parse_job_state(value);
      if (!query.state)
        throw Error(ErrorKind::kInvalidInput,
                    "state: expected a state such as running or failed, found " + in_quotes(value));
    }
  }
  return query;
}

listener::Response show_jobs(const JobsView& view) {
  Table table("Jobs, newest first", {{"Pipeline", "wide"},
                                     {"State"},
                                     {"Ref"},
                                     {"Commit"},
                                     {"Failure", "wide"},
                                     {"Took", "number"},
                                     {"Claimed", "time"}});
  for (const store::Job& job : view.page.jobs) add_row(table, job, view.now);
  Html pager;
  if (!view.query.cursor.empty()) {
    pager += element("a", {{"href", "/jobs" + query_string(parameters_of(view.query, ""))}, {"class", "button"}},
                     {"Newest"});
  }
  if (!view.page.next_cursor.empty()) {
    pager += element("a",
                     {{"href", "/jobs" + query_string(parameters_of(view.query, view.page.next_cursor))},
                      {"class", "button"},
                      {"rel", "next"}},
                     {"Older"});
  }
  std::vector<Attribute> live{{"id", "records"}};
  if (view.query.cursor.empty()) live.push_back({"data-live", "jobs"});
  return show(200, {.title = "Jobs", .place = Place::kJobs, .visitor = view.visitor, .now = view.now},
              join({element("div", {{"class", "title-row"}},
                            {element("h1", {"Jobs"}),
                             element("p", {{"class", "live-state"}, {"data-live-state", "records"}}, {})}),
                    filter_form(view.query),
                    element("div", live, table.empty() ? nothing(view.query, view.page.next_cursor) : table.build()),
                    pager.empty() ? Html() : element("nav", {{"class", "pager"}, {"aria-label", "Pages"}}, {pager})}));
}

listener::Response show_job(const JobView& view) {
  const store::Job& job = view.job;
  const std::string what = job.pipeline.empty() ? job.action_type : job.pipeline;
  Html failure;
  if (!job.failure_type.empty() || !job.failure_message.empty()) {
    failure = element("p", {{"class", "failure"}},
                      {element("span", {{"class", "name"}}, {job.failure_type}), " ", job.failure_message});
  }
  std::vector<Attribute> progress{{"id", "progress"}};
  if (!is_over(job)) progress.push_back({"data-refresh", "on"});
  return show(
      200, {.title = "Job of " + what, .place = Place::kJobs, .visitor = view.visitor, .now = view.now},
      join({element("nav", {{"aria-label", "Breadcrumbs"}, {"class", "crumbs"}}, {link_to("/jobs", "Jobs")}),
            element(
                "div", progress,
                join({element("div", {{"class", "title-row"}},
                              {element("h1", {what, job.action.empty() ? Html()
                                                                       : join({" ", element("span", {{"class", "ref"}},
                                                                                            {job.action})})}),
                               state_badge(job.state)}),
                      failure, facts(view), section("phases", "Phases", timeline(view))})),
            log_section(view)}));
}

}  // namespace penstock::server::pages
