-- Run once, when the data directory is made, by the user of .wasmrun.toml.

create table author (
  id int generated always as identity primary key,
  name text not null unique
);

create table book (
  id int generated always as identity primary key,
  author int not null references author,
  title text not null,
  year int not null
);

create index on book using gin (title gin_trgm_ops);

-- Titles that are like what somebody has typed, the likeliest first.
create function books_like(words text) returns setof book
  language sql stable
  begin atomic
    select * from book where title % words order by similarity(title, words) desc, id;
  end;
