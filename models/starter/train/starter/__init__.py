"""Training code of the starter model: pictures, questions, towers, decoder and the schedule that joins them."""
