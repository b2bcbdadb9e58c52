use std::process::ExitCode;

fn main() -> ExitCode {
    whyfinder::command_line::answer(std::env::args_os())
}
