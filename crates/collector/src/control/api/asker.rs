//! Asks the workers, and puts their answers together.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arancini_core::ask::{Answer, Outcome, Question};
use arancini_core::{RepeatRefusal, RepeatedPart};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;

use super::cursor::PageStart;
use super::problem::Problem;
use crate::ingest::{Mail, QuestionRequest, RepeatRequest};
use crate::telemetry::ApiFigures;

/// Questions that run at the same time. Each runs on every worker.
const MOST_QUESTIONS: usize = 8;
/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long a question may run. Then it is answered with what it has found so far.
const QUESTION_TIME: Duration = Duration::from_secs(3);
/// How long a worker may be busy with something else beyond that.
const GRACE: Duration = Duration::from_secs(1);

/// Asks the workers of the collector.
pub struct Asker {
    mailboxes: Vec<kanal::Sender<Mail>>,
    room: Arc<Semaphore>,
    figures: Arc<ApiFigures>,
}

/// The answers of several workers, in the order of the workers.
pub(crate) struct Gathered {
    /// The answers with the worker of each.
    pub answers: Vec<(usize, Answer)>,
    /// Where the next page begins, if there may be more.
    pub(super) next: Option<PageStart>,
    /// Whether the time was over before the page was full.
    pub out_of_time: bool,
    /// Whether routes were left out because their attributes are not known.
    pub left_out: bool,
}

/// A question that a worker is about to answer.
struct Asked {
    worker: usize,
    start: PageStart,
    outcome: oneshot::Receiver<Outcome>,
}

impl Asker {
    /// Asks the workers with these mailboxes.
    #[must_use]
    pub fn new(mailboxes: Vec<kanal::Sender<Mail>>, figures: Arc<ApiFigures>) -> Self {
        Self {
            mailboxes,
            figures,
            room: Arc::new(Semaphore::new(MOST_QUESTIONS)),
        }
    }

    /// Asks all workers from the start of the page on, for at most `limit` entries in all.
    ///
    /// The workers are asked at the same time. The page ends before the first answer that does not fit any more, and the
    /// next page asks for it again.
    pub(super) async fn page(
        &self,
        start: PageStart,
        limit: usize,
        question: impl Fn() -> Question,
    ) -> Result<Gathered, Problem> {
        let begun_at = start.clone();
        let asked = self.send(start, question).await?;
        let mut gathered = Gathered {
            answers: Vec::new(),
            next: None,
            out_of_time: false,
            left_out: false,
        };
        let mut entries = 0;
        for asked in asked {
            let Outcome {
                answer,
                rest,
                left_out,
            } = outcome(asked.outcome).await?;
            let of_worker = entries_of(&answer);
            if entries > 0 && entries + of_worker > limit {
                gathered.next = Some(asked.start);
                break;
            }
            entries += of_worker;
            gathered.left_out |= left_out;
            gathered.answers.push((asked.worker, answer));
            if let Some(position) = rest {
                gathered.out_of_time = of_worker < limit;
                gathered.next = Some(PageStart {
                    worker: asked.worker,
                    position,
                });
                break;
            }
        }
        if entries == 0 && gathered.next == Some(begun_at) {
            return Err(Problem::later(
                5,
                "the workers are too busy to answer this",
                "ask again later, or for one router, peer, view or family",
            ));
        }
        Ok(gathered)
    }

    /// Asks all workers for everything. Says whether the time was over before the end.
    pub(crate) async fn everything(&self, question: impl Fn() -> Question) -> Result<Gathered, Problem> {
        let asked = self.send(PageStart::FIRST, question).await?;
        let mut gathered = Gathered {
            answers: Vec::new(),
            next: None,
            out_of_time: false,
            left_out: false,
        };
        for asked in asked {
            let outcome = outcome(asked.outcome).await?;
            gathered.out_of_time |= outcome.rest.is_some();
            gathered.answers.push((asked.worker, outcome.answer));
        }
        Ok(gathered)
    }

    /// Asks all workers to publish tables of a router again. The one that has the router answers.
    pub(super) async fn resync(
        &self,
        router: IpAddr,
        part: RepeatedPart,
    ) -> Result<Result<usize, RepeatRefusal>, Problem> {
        let mut asked = Vec::new();
        for mailbox in &self.mailboxes {
            let (out, answer) = oneshot::channel();
            // A worker that is gone drops the request, which the answer then shows.
            let _ = mailbox.send(Mail::Repeat(Box::new(RepeatRequest { router, part, out })));
            asked.push(answer);
        }
        let mut answer = Err(RepeatRefusal::UnknownRouter);
        for of_worker in asked {
            match answered(of_worker).await? {
                Err(RepeatRefusal::UnknownRouter) => {}
                other => answer = other,
            }
        }
        Ok(answer)
    }

    async fn place(&self) -> Result<Arc<OwnedSemaphorePermit>, Problem> {
        if let Ok(Ok(place)) = timeout(PATIENCE, Arc::clone(&self.room).acquire_owned()).await {
            self.figures.count_asked();
            return Ok(Arc::new(place));
        }
        self.figures.count_refused();
        Err(Problem::later(
            1,
            format!("{MOST_QUESTIONS} questions run already"),
            "ask again after a moment, and ask fewer questions at the same time",
        ))
    }

    /// Sends a question to every worker from the start of the page on.
    async fn send(&self, start: PageStart, question: impl Fn() -> Question) -> Result<Vec<Asked>, Problem> {
        let place = self.place().await?;
        let deadline = Instant::now() + QUESTION_TIME;
        let mut asked = Vec::new();
        for (worker, mailbox) in self.mailboxes.iter().enumerate().skip(start.worker) {
            let start = if worker == start.worker {
                start.clone()
            } else {
                PageStart {
                    worker,
                    ..PageStart::FIRST
                }
            };
            let (out, outcome) = oneshot::channel();
            let request = QuestionRequest {
                question: question().going_on(start.position.clone()),
                deadline,
                out,
                place: Arc::clone(&place),
            };
            // A worker that is gone drops the request, which the outcome then shows.
            let _ = mailbox.send(Mail::Question(Box::new(request)));
            asked.push(Asked {
                worker,
                start,
                outcome,
            });
        }
        Ok(asked)
    }
}

async fn outcome(outcome: oneshot::Receiver<Outcome>) -> Result<Outcome, Problem> {
    answered(outcome).await
}

async fn answered<T>(answer: oneshot::Receiver<T>) -> Result<T, Problem> {
    match timeout(QUESTION_TIME + GRACE, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) => Err(Problem::later(
            5,
            "the collector is stopping",
            "ask again when it runs",
        )),
        Err(_) => Err(Problem::later(
            5,
            "a worker does not answer in time",
            "ask again later; arancini_worker_turn_seconds shows how busy the workers are",
        )),
    }
}

const fn entries_of(answer: &Answer) -> usize {
    match answer {
        Answer::Routers(routers) => routers.len(),
        Answer::Peers(peers) => peers.len(),
        Answer::Counts(counts) => counts.len(),
        Answer::Routes(routes) => routes.len(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use arancini_core::ask::Selector;

    use super::*;

    fn status(problem: Problem) -> u64 {
        serde_json::to_value(problem).unwrap()["status"].as_u64().unwrap()
    }

    fn question() -> Question {
        Question::routers(Selector::default(), 10)
    }

    fn runtime() -> tokio::runtime::Runtime {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap()
    }

    #[test]
    fn only_so_many_questions_run_at_the_same_time() {
        runtime().block_on(async {
            let (mailbox, mail) = kanal::unbounded();
            let asker = Arc::new(Asker::new(vec![mailbox], Arc::default()));
            let mut asked = Vec::new();
            for _ in 0..MOST_QUESTIONS {
                let asker = Arc::clone(&asker);
                asked.push(tokio::spawn(async move {
                    asker.page(PageStart::FIRST, 10, question).await.map(|_| ())
                }));
            }
            // The worker takes the questions and does not answer yet.
            let mail = mail.to_async();
            let mut requests = Vec::new();
            while requests.len() < MOST_QUESTIONS {
                requests.push(mail.recv().await.unwrap());
            }
            let refused = asker.page(PageStart::FIRST, 10, question).await;
            assert_eq!(status(refused.err().unwrap()), 503);
            // A worker that is gone drops its questions. The places are free again.
            drop(requests);
            for asked in asked {
                assert_eq!(status(asked.await.unwrap().unwrap_err()), 503);
            }
            assert_eq!(asker.room.available_permits(), MOST_QUESTIONS);
        });
    }

    #[test]
    fn a_client_that_goes_away_takes_its_question_along() {
        use tokio::io::AsyncWriteExt;

        runtime().block_on(async {
            let (mailbox, mail) = kanal::unbounded();
            let asker = Arc::new(Asker::new(vec![mailbox], Arc::default()));
            let ask = move || {
                let asker = Arc::clone(&asker);
                async move {
                    let page = asker.page(PageStart::FIRST, 10, question).await;
                    page.map(|_| ())
                        .map_err(status)
                        .map_err(|status| status.to_string())
                }
            };
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap();
            let paths = axum::Router::new().route("/", axum::routing::get(ask));
            tokio::spawn(async move { axum::serve(listener, paths).await });
            let mut client = tokio::net::TcpStream::connect(port).await.unwrap();
            client
                .write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
                .await
                .unwrap();
            let Mail::Question(mut request) = mail.to_async().recv().await.unwrap() else {
                panic!("no question");
            };
            assert!(!request.out.is_closed(), "the client waits");
            drop(client);
            // The worker looks at this between two slices.
            request.out.closed().await;
        });
    }

    #[test]
    fn an_answer_that_does_not_fit_is_the_next_page() {
        let answers = |routers: usize| {
            let mut counts = Vec::new();
            counts.resize_with(routers, || arancini_core::ask::TableCount {
                view: arancini_wire::bmp::RibView::LocRib,
                family: arancini_wire::iana::AfiSafi::IPV4_UNICAST,
                tables: 1,
                routes: 1,
            });
            Outcome {
                answer: Answer::Counts(counts),
                rest: None,
                left_out: false,
            }
        };
        runtime().block_on(async {
            let (mailboxes, mails): (Vec<_>, Vec<_>) = (0..3).map(|_| kanal::unbounded()).unzip();
            let asker = Asker::new(mailboxes, Arc::default());
            for (worker, mail) in mails.into_iter().enumerate() {
                std::thread::spawn(move || {
                    while let Ok(Mail::Question(request)) = mail.recv() {
                        let _ = request.out.send(answers([6, 4, 3][worker]));
                    }
                });
            }
            let first = asker.page(PageStart::FIRST, 10, question).await.ok().unwrap();
            assert_eq!(
                first.answers.len(),
                2,
                "6 and 4 entries fit into 10, 3 more do not"
            );
            let next = first.next.unwrap();
            assert_eq!(next.worker, 2);
            let second = asker.page(next, 10, question).await.ok().unwrap();
            assert_eq!((second.answers.len(), second.next), (1, None));
        });
    }
}
