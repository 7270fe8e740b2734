insert into author (name) values ('Mary Shelley'), ('Jules Verne'), ('H. G. Wells');

-- As pg_dump writes it.
copy book (author, title, year) from stdin;
1	Frankenstein; or, The Modern Prometheus	1818
1	The Last Man	1826
2	Journey to the Centre of the Earth	1864
2	Around the World in Eighty Days	1872
3	The Time Machine	1895
\.
