//! gRPC by tonic, over hyper's HTTP/2 at both ends. What tonic's compiler writes of a `.proto` file
//! is written by hand here, so that none is needed.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{Stream, StreamExt, unfold};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::service::Service as _;
use hyper::{Request as HttpRequest, Response as HttpResponse};
use hyper_util::service::TowerToHyperService;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::codegen::Service;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::server::{Grpc as Answering, NamedService, ServerStreamingService, UnaryService};
use tonic::service::Routes;
use tonic::{Code, Request, Response, Status};
use tonic_prost::ProstCodec;
use wheelhouse::compat::hyper::{Executor, Io, Timer};
use wheelhouse::net::TcpStream;
use wheelhouse::{gather, run, sleep, spawn};
use wheelhouse_ecosystem::server::Server;

use crate::servers::serve;

/// `string text = 1`.
#[derive(Clone, PartialEq, prost::Message)]
struct Text {
    #[prost(string, tag = "1")]
    text: String,
}

/// `uint64 number = 1`.
#[derive(Clone, Copy, PartialEq, prost::Message)]
struct Number {
    #[prost(uint64, tag = "1")]
    number: u64,
}

/// `rpc Greet(Text) returns (Text)`: who has no name is not found.
struct Greet;

impl UnaryService<Text> for Greet {
    type Response = Text;
    type Future = BoxFuture<'static, Result<Response<Text>, Status>>;

    fn call(&mut self, request: Request<Text>) -> Self::Future {
        Box::pin(async move {
            sleep(Duration::from_millis(1)).await;
            match request.into_inner().text.as_str() {
                "" => Err(Status::not_found("nobody")),
                name => Ok(Response::new(text(&format!("hello {name}")))),
            }
        })
    }
}

/// `rpc Count(Number) returns (stream Number)`: from 1 to that.
struct Count;

impl ServerStreamingService<Number> for Count {
    type Response = Number;
    type ResponseStream = Pin<Box<dyn Stream<Item = Result<Number, Status>> + Send>>;
    type Future = BoxFuture<'static, Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<Number>) -> Self::Future {
        let last = request.into_inner().number;
        let numbers = unfold(1, move |number| async move {
            sleep(Duration::from_millis(1)).await;
            (number <= last).then_some((Ok(Number { number }), number + 1))
        });
        Box::pin(async { Ok(Response::new(numbers.boxed())) })
    }
}

/// `service Greeter`: which path is which call.
#[derive(Clone)]
struct Greeter;

impl NamedService for Greeter {
    const NAME: &'static str = "test.Greeter";
}

impl Service<HttpRequest<Body>> for Greeter {
    type Response = HttpResponse<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequest<Body>) -> Self::Future {
        Box::pin(async move {
            Ok(match request.uri().path() {
                "/test.Greeter/Greet" => {
                    Answering::new(ProstCodec::default())
                        .unary(Greet, request)
                        .await
                }
                "/test.Greeter/Count" => {
                    Answering::new(ProstCodec::default())
                        .server_streaming(Count, request)
                        .await
                }
                _ => Status::unimplemented("no such call").into_http(),
            })
        })
    }
}

/// One connection to a server, over which many calls go at once.
#[derive(Clone)]
struct Channel(SendRequest<Body>);

impl Service<HttpRequest<Body>> for Channel {
    type Response = HttpResponse<Incoming>;
    type Error = hyper::Error;
    type Future = BoxFuture<'static, Result<Self::Response, hyper::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: HttpRequest<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}

fn text(text: &str) -> Text {
    let text = text.to_string();
    Text { text }
}

/// Starts a server, and connects to it.
async fn client() -> Grpc<Channel> {
    let greeter = TowerToHyperService::new(Routes::new(Greeter));
    let server = Server::new(move |request| {
        let answer = greeter.call(request);
        async {
            let Ok(response) = answer.await;
            response
        }
    });
    let (_, port) = serve(server).await;
    let stream = TcpStream::connect(("127.0.0.1", port))
        .await
        .expect("it listens");
    let mut protocol = http2::Builder::new(Executor);
    let connected = protocol.timer(Timer).handshake(Io::vectored(stream)).await;
    let (sender, carrier) = connected.expect("it speaks HTTP/2");
    spawn(carrier).detach();
    let origin = format!("http://127.0.0.1:{port}").parse();
    Grpc::with_origin(Channel(sender), origin.expect("it is an address"))
}

async fn greet(client: &Grpc<Channel>, name: &str) -> Result<String, Status> {
    let mut client = client.clone();
    client.ready().await.expect("the connection is open");
    let path = PathAndQuery::from_static("/test.Greeter/Greet");
    let answer = client.unary(
        Request::new(text(name)),
        path,
        ProstCodec::<Text, Text>::default(),
    );
    Ok(answer.await?.into_inner().text)
}

#[test]
fn a_call_is_answered_or_refused() {
    run(async {
        let client = client().await;
        assert_eq!(
            greet(&client, "you").await.expect("it is well"),
            "hello you"
        );
        let refused = greet(&client, "").await.expect_err("nobody has no name");
        assert_eq!(
            (refused.code(), refused.message()),
            (Code::NotFound, "nobody")
        );
    });
}

#[test]
fn many_calls_go_over_one_connection_at_once() {
    run(async {
        let client = &client().await;
        let names: Vec<_> = (0..200).map(|number| number.to_string()).collect();
        let calls: Vec<_> = names.iter().map(|name| greet(client, name)).collect();
        for (name, answer) in names.iter().zip(gather(calls).await) {
            assert_eq!(answer.expect("it is well"), format!("hello {name}"));
        }
    });
}

#[test]
fn a_stream_of_answers_arrives_in_order() {
    run(async {
        let mut client = client().await;
        client.ready().await.expect("the connection is open");
        let path = PathAndQuery::from_static("/test.Greeter/Count");
        let codec = ProstCodec::<Number, Number>::default();
        let asked = Request::new(Number { number: 20 });
        let answer = client
            .server_streaming(asked, path, codec)
            .await
            .expect("it is well");
        let numbers: Vec<_> = answer
            .into_inner()
            .map(|number| number.map(|it| it.number))
            .collect()
            .await;
        let numbers: Result<Vec<_>, _> = numbers.into_iter().collect();
        assert_eq!(numbers.expect("none fails"), (1..=20).collect::<Vec<_>>());
    });
}
