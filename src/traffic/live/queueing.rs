//! Targets that serve only so many requests at once.

use super::{ANSWERS, CLIENTS, Event, LiveEngine, ROUND_TRIPS, Run};
use crate::observe::timeline::Socket;
use crate::time::{Span, Time};
use crate::traffic::connection::{SYN_RETRIES, Way};
use crate::traffic::fate::Knock;
use crate::traffic::outcome::Witness;
use crate::verdict::{Cause, Verdict};

impl<W: Witness> Run<'_, '_, '_, W> {
    /// The request is on its way to its server, and something will keep it waiting.
    #[inline(never)]
    pub(super) fn approach(&mut self, slot: u32, server: u16, way: Way, now: Time) {
        let LiveEngine {
            flights, servers, ..
        } = &mut *self.engine;
        let found = &servers[usize::from(server)];
        if !found.is_limited() || flights[slot].is_stream {
            return self.end_by_fate(slot, server, way);
        }
        match way {
            Way::Kept => {
                if self.accept(slot, server, now, now) {
                    self.serve_at(slot, server, now);
                }
            }
            Way::New => self.connect_to(slot, server, now),
            Way::Crossing | Way::Lost => {
                self.end_by_fate(slot, server, way);
            }
        }
    }

    /// No other request has to do with how it ends.
    fn end_by_fate(&mut self, slot: u32, server: u16, way: Way) {
        let engine = &mut *self.engine;
        let request = &engine.flights.attempt(slot).request;
        let (connect, sent) = (engine.limits.connect, request.sent);
        let end = self
            .around
            .trouble(&engine.servers[usize::from(server)].target, way, request);
        self.end(slot, end);
        if way == Way::New {
            let is_late = end.0 == Verdict::Alb(Cause::ConnectTimeout);
            self.doubt(slot, server, if is_late { sent + connect } else { end.1 });
        }
    }

    /// A SYN is sent.
    pub(super) fn connect(&mut self, slot: u32, now: Time) {
        if self.engine.flights[slot].is_over {
            // A kernel's answer came before.
            return self.engine.flights.remove(slot);
        }
        let server = self.engine.flights[slot].server;
        self.refresh(server, now);
        self.connect_to(slot, server, now);
    }

    /// A SYN is sent to a server that is as it is now. Nearly always it is accepted.
    #[inline(always)]
    fn connect_to(&mut self, slot: u32, server: u16, now: Time) {
        let engine = &*self.engine;
        let found = &engine.servers[usize::from(server)];
        let is_met = match found.target.port.socket {
            Socket::Serving => !found.is_full(),
            Socket::Refusing => true,
            Socket::Closed | Socket::Silent => false,
        };
        if !is_met {
            return self.connect_in_vain(slot, server, now);
        }
        let connected = now + engine.limits.round_trip;
        if self.accept(slot, server, now, connected) {
            if connected == now {
                self.serve_at(slot, server, now);
            } else {
                self.engine
                    .schedule
                    .queue(ROUND_TRIPS, connected, Event::Reaches(slot).code());
            }
        }
    }

    /// Nobody accepts the SYN.
    #[cold]
    fn connect_in_vain(&mut self, slot: u32, server: u16, now: Time) {
        let engine = &mut *self.engine;
        let (request, found) = (
            engine.flights.attempt(slot).request,
            &engine.servers[usize::from(server)].target,
        );
        let after = now - request.sent;
        let is_first = after == Span::ZERO;
        let end = match found.port.socket {
            Socket::Silent => match self.around.knock(found, &request, after) {
                Knock::Met(syn, _) => {
                    self.try_again(slot, syn);
                    if is_first {
                        self.doubt(slot, server, syn);
                    }
                    return;
                }
                Knock::InVain(end) => end,
            },
            Socket::Serving => {
                match SYN_RETRIES
                    .into_iter()
                    .find(|wait| *wait > after && *wait < engine.limits.connect)
                {
                    Some(wait) => return self.try_again(slot, request.sent + wait),
                    None => self.around.connect_in_vain(&request),
                }
            }
            Socket::Closed | Socket::Refusing => {
                (Verdict::Alb(Cause::Refused), now + engine.limits.round_trip)
            }
        };
        let is_silent = found.port.socket == Socket::Silent;
        let end = self.around.unless_the_client_gives_up(end, &request);
        self.end(slot, end);
        if is_silent && is_first {
            self.doubt(
                slot,
                server,
                end.1.min(request.sent + self.around.limits.connect),
            );
        }
    }

    /// A lost SYN is sent again, if the client waits for it.
    fn try_again(&mut self, slot: u32, syn: Time) {
        let request = self.engine.flights.attempt(slot).request;
        let end = self
            .around
            .unless_the_client_gives_up((Verdict::Ok, syn), &request);
        if end.0 == Verdict::Ok {
            self.engine.schedule.push(syn, Event::Syn(slot).code());
        } else {
            self.end(slot, end);
        }
    }

    /// The port has been met at `now`, and the request will be there at `start`: until when an
    /// answer is in time, and whether the request gets so far at all.
    #[inline(always)]
    fn accept(&mut self, slot: u32, server: u16, now: Time, start: Time) -> bool {
        let engine = &mut *self.engine;
        let attempt = engine.flights.attempt(slot);
        let port = &engine.servers[usize::from(server)].target.port;
        let end = self.around.unanswered(port, start, &attempt.request);
        let (verdict, at) = self
            .around
            .unless_the_client_gives_up(end, &attempt.request);
        attempt.end = (verdict, at.max(now));
        attempt.refused = port.socket == Socket::Refusing;
        let arrives = at >= start;
        if !arrives {
            self.end(slot, (verdict, at.max(now)));
        }
        arrives
    }

    /// The request is at the server.
    pub(super) fn serve(&mut self, slot: u32, now: Time) {
        let server = self.engine.flights[slot].server;
        self.refresh(server, now);
        self.serve_at(slot, server, now);
    }

    #[inline(always)]
    fn serve_at(&mut self, slot: u32, server: u16, now: Time) {
        let LiveEngine {
            flights,
            servers,
            limits,
            ..
        } = &mut *self.engine;
        let attempt = flights.attempt(slot);
        if attempt.refused {
            let answered = now + limits.round_trip;
            let end = if answered <= attempt.end.1 {
                (Verdict::Target(503), answered)
            } else {
                attempt.end
            };
            return self.end(slot, end);
        }
        let process = &mut servers[usize::from(server)];
        let flight = &mut flights[slot];
        flight.is_held = true;
        flight.life = process.life;
        let is_in_time = process.admit(slot) && self.start(slot, server, now);
        if !is_in_time {
            self.watch(slot);
        }
    }

    /// A worker starts on the request; whether it will be in time.
    #[inline(always)]
    fn start(&mut self, slot: u32, server: u16, now: Time) -> bool {
        let engine = &mut *self.engine;
        let attempt = *engine.flights.attempt(slot);
        let found = &engine.servers[usize::from(server)].target;
        let served = now + self.around.work(found, &found.port, now, &attempt.request);
        let flight = &mut engine.flights[slot];
        flight.is_in_time = !flight.is_over && served <= attempt.end.1;
        engine.schedule.push(served, slot);
        flight.is_in_time
    }

    /// Its end comes unless the server is faster.
    fn watch(&mut self, slot: u32) {
        let engine = &mut *self.engine;
        let attempt = engine.flights.attempt(slot);
        attempt.is_watched = true;
        let (verdict, at) = attempt.end;
        let event = Event::Overdue(slot).code();
        match verdict {
            Verdict::Alb(Cause::ClientGaveUp) => engine.schedule.queue(CLIENTS, at, event),
            Verdict::Alb(Cause::ResponseTimeout) => engine.schedule.queue(ANSWERS, at, event),
            _ => engine.schedule.push(at, event),
        }
    }

    /// Nobody waits for the server any more, if it has not answered by now. Another request that has got the
    /// slot since, and is due at this very instant, may as well end by this event as by its own.
    #[inline]
    pub(super) fn overdue(&mut self, slot: u32, now: Time) {
        let flight = self.engine.flights[slot];
        if flight.is_over || flight.is_in_time {
            return;
        }
        let attempt = self.engine.flights.attempt(slot);
        if attempt.is_watched && attempt.end.1 == now {
            attempt.is_watched = false;
            self.finish(slot, now);
        }
    }

    /// The answer has come, or would have come to who has lost patience since. A worker goes on with the next
    /// request, unless its process has died.
    #[inline(always)]
    pub(super) fn served(&mut self, slot: u32, now: Time) {
        let LiveEngine {
            flights, servers, ..
        } = &mut *self.engine;
        let flight = &mut flights[slot];
        let (row, mut next) = (flight.server, None);
        if flight.is_held {
            let server = &mut servers[usize::from(row)];
            if now >= server.target.port.until {
                return self.served_at_a_change(slot, row, now);
            }
            flight.is_held = false;
            if flight.life == server.life {
                next = server.next();
            }
        }
        if flight.is_over {
            flights.remove(slot);
        } else if flight.is_in_time {
            self.conclude(slot, Verdict::Ok, now);
        }
        if let Some(next) = next {
            self.start(next, row, now);
        }
    }

    /// The server is looked at first: it is not what it was.
    #[cold]
    fn served_at_a_change(&mut self, slot: u32, server: u16, now: Time) {
        self.look(server, now);
        self.served(slot, now);
    }
}
