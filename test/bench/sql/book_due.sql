SELECT rewards.book_due();
