"""The texts: a folder with train.csv and dev.csv (columns paperid, title, abstract, categories), or the examples."""

import csv
import itertools
import os
import re

COLUMNS = ["paperid", "title", "abstract", "categories"]
csv.field_size_limit(1 << 24)


class Corpus:
    def __init__(self, folder, examples, work):
        """Without a folder: the examples, whose dev.csv is new.csv with its answers."""
        self.work = work
        self.name = os.path.basename(os.path.abspath(folder)) if folder else "the examples"
        self.train = os.path.join(folder or examples, "train.csv")
        if folder:
            dev = read(os.path.join(folder, "dev.csv"))
        else:
            answers = dict(row for row in csv_rows(os.path.join(examples, "answers.csv"))[1:])
            dev = [[*row[:3], answers[row[0]]] for row in read(os.path.join(examples, "new.csv"), COLUMNS[:3])]
        self.rows = {"train": read(self.train), "dev": dev}

    def cut(self, part, count, known=None):
        """Writes the first rows, again from the first where there are too few.

        `known`: only rows with these labels.
        """
        rows = [row for row in self.rows[part] if known is None or row[3] in known]
        path = os.path.join(self.work, f"{part}-{count}.csv")
        with open(path, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            for number, row in enumerate(itertools.islice(itertools.cycle(rows), count)):
                writer.writerow([f"{number}-{row[0]}", *row[1:]])
        return path

    def labels(self, count):
        """Of the first training rows."""
        return {row[3] for row in self.rows["train"][:count]}

    def lines(self, count):
        """Writes the titles and abstracts of the first training rows, a line each."""
        path = os.path.join(self.work, f"texts-{count}.txt")
        with open(path, "w", encoding="utf-8") as file:
            for row in itertools.islice(itertools.cycle(self.rows["train"]), count):
                file.writelines(" ".join(text.split()) + "\n" for text in row[1:3])
        return path

    def papers(self, count):
        """Writes the first training rows, title and abstract in a line."""
        path = os.path.join(self.work, f"papers-{count}.txt")
        with open(path, "w", encoding="utf-8") as file:
            for row in itertools.islice(itertools.cycle(self.rows["train"]), count):
                file.write(" ".join(" ".join(row[1:3]).split()) + "\n")
        return path

    def words(self, count):
        """Writes the words of the first training rows in lower case, a line each; repeated where there are too few."""
        path = os.path.join(self.work, f"words-{count}.txt")
        with open(self.lines(count), encoding="utf-8") as texts, open(path, "w", encoding="utf-8") as file:
            for text in texts:
                file.writelines(word + "\n" for word in re.findall(r"\w+", text.lower()))
        return path

    def wide(self, size):
        """train.csv as it is, its rows repeated until the file has this size; returns its delimiter, too."""
        with open(self.train, "rb") as file:
            header, body = file.readline(), file.read()
        path = os.path.join(self.work, "wide.csv")
        with open(path, "wb") as file:
            file.write(header)
            while file.tell() < size:
                file.write(body if body.endswith(b"\n") else body + b"\n")
        return path, delimiter_of(header.decode("utf-8-sig"))

    def narrow(self, size):
        """Three short columns, 20 bytes a row."""
        path = os.path.join(self.work, "narrow.csv")
        block = "".join(f"{row:08d},cs.{'ABCDEFGH'[row % 8]}I,{row % 997 / 997:.3f}\n" for row in range(50_000))
        with open(path, "w", encoding="utf-8") as file:
            file.write("id,label,score\n")
            for _ in range(max(1, size // len(block))):
                file.write(block)
        return path, ","


def delimiter_of(header):
    return max(",\t;|", key=header.count)


def csv_rows(path):
    with open(path, encoding="utf-8-sig", newline="") as file:
        delimiter = delimiter_of(file.readline())
        file.seek(0)
        return list(csv.reader(file, delimiter=delimiter))


def read(path, columns=COLUMNS):
    header, *rows = csv_rows(path)
    missing = [column for column in columns if column not in header]
    if missing:
        raise SystemExit(f"{path}:1: no column {', '.join(missing)}; the header has {', '.join(header)}")
    places = [header.index(column) for column in columns]
    return [[row[place] for place in places] for row in rows]
